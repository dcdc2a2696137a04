/** What README.md tells somebody to run: its fenced blocks, and commands that stand in a sentence or a table. */
export function commandsOf(readme) {
  const blocks = [...readme.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)].map(([, indent, language, text]) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
  }));
  const prose = readme.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '');
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
  const isCommand = /^(?:[A-Z_]+=\S+ )*(?:npm|npx|node|curl|docker) /;
  // Behind `npm run bauta --`, as the table of them lists them.
  const isOperators = /^(?:accounts|tokens|providers|numbers|sessions) [a-z]+\b|^(?:totals|invariants|import|export)\b/;
  const spoken = spans.filter((text) => isCommand.test(text) || isOperators.test(text));
  return {
    blocks,
    // Of a block for a shell each line is a command, unless they belong together.
    commands: [
      ...new Set([
        ...blocks
          .filter(({ language }) => language === 'sh' || language === 'bash')
          .flatMap(({ text }) => (/^for /.test(text) ? [text] : text.split('\n'))),
        ...spoken,
      ]),
    ],
  };
}

/** A document as README.md shows it: `…` is anything within a tag, and the virtual number may be another one. */
export function likeDocument(text, number) {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replaceAll('…', '[^>]*').replaceAll('14155550102', number));
}
