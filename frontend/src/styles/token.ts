/** A color of `tokens.css` in one theme, as a literal that ChatKit and a `meta` element accept; empty if there is none. */
export function tokenColor(name: `--${string}`, theme: "light" | "dark"): string {
  const probe = document.createElement("span");
  probe.style.cssText = `display: none; color-scheme: ${theme}; color: var(${name})`;
  document.body.append(probe);
  const rgb = getComputedStyle(probe).color;
  probe.remove();
  const parts = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(rgb)?.slice(1) ?? [];
  return parts.length ? `#${parts.map((part) => Number(part).toString(16).padStart(2, "0")).join("")}` : "";
}
