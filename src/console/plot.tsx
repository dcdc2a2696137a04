import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { T } from './texts.ts';
import { isDark } from './theme.ts';

export interface Series {
  readonly label: string;
  /** Name of a colour of the style sheet. */
  readonly color: string;
  readonly values: readonly number[];
}

/** Bars or a line over time; each series is drawn upon those after it. */
export function Plot({
  title,
  total,
  times,
  series,
  step,
}: {
  title: string;
  total: string;
  times: readonly number[];
  series: readonly Series[];
  step: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const data = JSON.stringify([times, series]);
  const dark = isDark.value;
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const colors = getComputedStyle(document.documentElement);
    const color = (name: string) => colors.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: color('faint'),
      grid: { stroke: color('line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    const plot = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: 150,
        padding: [8, 20, 0, 0],
        cursor: { points: { show: false }, drag: { x: false, y: false } },
        legend: { live: true },
        scales: {
          x: { range: () => [times[0] ?? 0, (times.at(-1) ?? 0) + step / 1000] },
          y: { range: (_plot, _min, max) => [0, Math.max(max, 1) * 1.1] },
        },
        axes: [
          {
            ...axis,
            size: 24,
            grid: { show: false },
            space: 64,
            values: (_plot, splits) => splits.map((at) => tickText(at, step)),
          },
          { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000] },
        ],
        series: [
          {
            value: (_plot, at) =>
              at === null
                ? ''
                : new Date(at * 1000).toLocaleString('en-GB', {
                    day: 'numeric',
                    month: 'short',
                    hour: '2-digit',
                    minute: '2-digit',
                  }),
          },
          ...series.map((one) => ({
            label: one.label,
            stroke: color(one.color),
            fill: color(one.color),
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars?.({ size: [0.7, 40], align: 1 }) ?? null,
          })),
        ] as uPlot.Series[],
      },
      [[...times], ...stacked(series)] as uPlot.AlignedData,
      element,
    );
    const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(200, element.clientWidth), height: 150 }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [data, dark, step]);
  return (
    <figure class="plot">
      <figcaption>
        {title} <span class="faint">{total}</span>
      </figcaption>
      <div ref={host} role="img" aria-label={T.overview.plotLabel(title, total)} />
    </figure>
  );
}

/** The tallest first, so that the others are seen before it. */
function stacked(series: readonly Series[]): number[][] {
  return series.map((_, index) =>
    (series[0]?.values ?? []).map((_value, at) =>
      series.slice(index).reduce((sum, one) => sum + (one.values[at] ?? 0), 0),
    ),
  );
}

/** The day where a day begins, else the hour. */
function tickText(seconds: number, step: number): string {
  const at = new Date(seconds * 1000);
  const isDay = step > 3_600_000 || at.getHours() === 0;
  return at.toLocaleString(
    'en-GB',
    isDay ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' },
  );
}
