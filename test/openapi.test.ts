import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../src/openapi.ts';

type Node = Record<string, unknown>;

let document: Node;

beforeAll(async () => {
  document = JSON.parse(JSON.stringify(await openApiDocument()));
});

/** Every schema of the document that has examples, with its place. */
function withExamples(node: unknown, path: string): { path: string; schema: Node; examples: unknown[] }[] {
  if (typeof node !== 'object' || node === null) return [];
  const below = Object.entries(node).flatMap(([key, child]) =>
    key === 'examples' ? [] : withExamples(child, `${path}/${key}`),
  );
  const { examples } = node as Node;
  return Array.isArray(examples) ? [{ path, schema: node as Node, examples }, ...below] : below;
}

describe('the OpenAPI document', () => {
  it('is the one that is committed (npm run openapi brings it up to date)', () => {
    expect(JSON.parse(readFileSync('openapi/openapi.json', 'utf8'))).toEqual(document);
  });

  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document) as Node);
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(document.openapi).toBe('3.1.0');
  });

  it('names every route of both forms of the sessions address', () => {
    expect(Object.keys(document.paths as Node).sort()).toEqual([
      '/Masking/Session/',
      '/Masking/Session/{session_uuid}/',
      '/answer/{key}/',
      '/answer/{key}/callee-play/{session}/{side}/',
      '/answer/{key}/dial-action/',
      '/answer/{key}/dial-callback/',
      '/answer/{key}/events/',
      '/answer/{key}/hangup/',
      '/answer/{key}/record-action/',
      '/answer/{key}/record-callback/',
      '/answer/{key}/ring/',
      '/health/live',
      '/health/ready',
      '/v1/Account/{auth_id}/Call/',
      '/v1/Account/{auth_id}/Call/{call_uuid}/',
      '/v1/Account/{auth_id}/Call/{call_uuid}/Cost/',
      '/v1/Account/{auth_id}/Masking/Audit/',
      '/v1/Account/{auth_id}/Masking/Callback/',
      '/v1/Account/{auth_id}/Masking/Callback/Resend/',
      '/v1/Account/{auth_id}/Masking/Callback/Secret/',
      '/v1/Account/{auth_id}/Masking/Callback/{callback_id}/',
      '/v1/Account/{auth_id}/Masking/Callback/{callback_id}/Resend/',
      '/v1/Account/{auth_id}/Masking/Connection/{connection_id}/Test/',
      '/v1/Account/{auth_id}/Masking/Endpoint/',
      '/v1/Account/{auth_id}/Masking/Endpoint/Pause/',
      '/v1/Account/{auth_id}/Masking/Endpoint/Resume/',
      '/v1/Account/{auth_id}/Masking/Erasure/',
      '/v1/Account/{auth_id}/Masking/Exchange/',
      '/v1/Account/{auth_id}/Masking/Policy/',
      '/v1/Account/{auth_id}/Masking/Pool/',
      '/v1/Account/{auth_id}/Masking/Session/',
      '/v1/Account/{auth_id}/Masking/Session/{session_uuid}/',
      '/v1/Account/{auth_id}/Masking/Simulate/',
      '/v1/Account/{auth_id}/Masking/Totals/',
      '/v1/Account/{auth_id}/Number/',
      '/v1/Account/{auth_id}/Number/{number}/',
      '/v1/Account/{auth_id}/Recording/',
      '/v1/Account/{auth_id}/Recording/{recording_id}/',
      '/v1/Account/{auth_id}/Subaccount/',
      '/v1/Account/{auth_id}/Subaccount/{subaccount_id}/',
      '/v1/Account/{auth_id}/Token/',
    ]);
  });

  it('has examples that its own schemas accept, every one of them', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const found = withExamples(document, '');
    expect(found.length).toBeGreaterThan(20);
    for (const { path, schema, examples } of found) {
      // Its references start at the document's root, so they find their components there.
      const validate = ajv.compile({ ...schema, components: document.components });
      for (const example of examples)
        expect(validate(example), `${path}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    }
  });
});
