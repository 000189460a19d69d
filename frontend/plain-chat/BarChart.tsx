import { words } from "./widget-text";
import type { WidgetNode } from "./wire";

interface Series {
  dataKey: string;
  label?: string;
}

/** A bar chart as a table: readable at any width and by screen readers. */
export function BarChart({ node }: { node: WidgetNode }) {
  const rows = Array.isArray(node.data) ? (node.data as Record<string, unknown>[]) : [];
  const series = Array.isArray(node.series) ? (node.series as Series[]) : [];
  const axis = node.xAxis as { dataKey?: string; labels?: Record<string, string> } | string | undefined;
  const [key, labels] = typeof axis === "object" ? [axis.dataKey ?? "", axis.labels] : [axis ?? "", undefined];
  const values = rows.flatMap((row) => series.map(({ dataKey }) => Number(row[dataKey]) || 0));
  const most = Math.max(0, ...values.map(Math.abs));
  const digits = values.every(Number.isInteger) ? 0 : 2; // amounts in one column all have cents
  return (
    <table className="pc-chart">
      <thead>
        <tr>
          <th scope="col">
            <span className="pc-unseen">{key}</span>
          </th>
          {series.map(({ dataKey, label }) => (
            <th key={dataKey} scope="col">
              {label ?? dataKey}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={words(row[key])}>
            <th scope="row">{labels?.[words(row[key])] ?? words(row[key])}</th>
            {series.map(({ dataKey }) => (
              <td key={dataKey}>
                <Bar value={Number(row[dataKey]) || 0} most={most} digits={digits} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Bar({ value, most, digits }: { value: number; most: number; digits: number }) {
  const width = most ? `${(Math.abs(value) / most) * 100}%` : "0";
  return (
    <span className="pc-bar">
      <span className="pc-bar-track">
        <span className="pc-bar-fill" style={{ width }} />
      </span>
      <span>{value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })}</span>
    </span>
  );
}
