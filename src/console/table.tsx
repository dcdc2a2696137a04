import type { ComponentChildren } from 'preact';
import { Scroll } from './parts.tsx';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Figures, which stand below each other by their last digit. */
  readonly isNumber?: boolean;
  /** What can be done with a row: its head is for those alone who hear the page. */
  readonly isAction?: boolean;
  readonly class?: string;
}

/** A table that becomes a list of cards where the window is narrow. Its caption is for those who hear the page. */
export function Table<Row>(props: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
}) {
  const classOf = (column: Column<Row>) => (column.isNumber ? 'number' : column.class);
  return (
    <Scroll>
      <table class="cards">
        <caption class="unseen">{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.head} scope="col" class={column.isNumber ? 'number' : undefined}>
                {column.isAction ? <span class="unseen">{column.head}</span> : column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)}>
              {props.columns.map((column) => (
                <td key={column.head} data-label={column.isAction ? undefined : column.head} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
