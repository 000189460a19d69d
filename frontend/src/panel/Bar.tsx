/** A part of a whole as a bar. Hidden from screen readers, because the text next to it has the same figures. */
export function Bar({ part, whole }: { part: number; whole: number }) {
  const share = whole > 0 ? Math.min(part / whole, 1) : 0;
  return (
    <span className="bar" data-over={part > whole} aria-hidden="true">
      <span style={{ inlineSize: `${share * 100}%` }} />
    </span>
  );
}
