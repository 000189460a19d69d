/** A part of a whole as a bar; the figures beside it say the same in words. */
export function Bar({ part, whole }: { part: number; whole: number }) {
  const share = whole > 0 ? Math.min(part / whole, 1) : 0;
  return (
    <span className="bar" data-over={part > whole} aria-hidden="true">
      <span style={{ inlineSize: `${share * 100}%` }} />
    </span>
  );
}
