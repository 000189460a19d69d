import { type KeyboardEvent, type ReactNode, useEffect, useId, useState } from "react";
import { isComposing } from "./keys";
import type { Entity } from "./wire";
import { words } from "./words";

interface MentionListProps {
  entities: Entity[];
  onChoose(entity: Entity): void;
  onClose(): void;
  /** Render the text field that controls the list. */
  children(props: FieldProps): ReactNode;
}

interface FieldProps {
  "aria-controls"?: string;
  "aria-activedescendant"?: string | undefined;
  "aria-autocomplete": "list";
  onKeyDown(event: KeyboardEvent): void;
}

/** Suggestions for a mention, controlled with the text field's keys: arrows, Enter or Tab, Escape. */
export function MentionList({ entities, onChoose, onClose, children }: MentionListProps) {
  const list = useId();
  const [active, setActive] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new list starts at its first entry
  useEffect(() => setActive(0), [entities]);
  const chosen = entities[active];

  function onKeyDown(event: KeyboardEvent): void {
    if (!chosen || isComposing(event)) return;
    if (event.key === "ArrowDown") setActive((active + 1) % entities.length);
    else if (event.key === "ArrowUp") setActive((active + entities.length - 1) % entities.length);
    else if (event.key === "Enter" || event.key === "Tab") onChoose(chosen);
    else if (event.key === "Escape") onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="pc-mentions">
      {chosen && (
        <div id={list} role="listbox" aria-label={words().mention}>
          {entities.map((entity, place) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the text field keeps the focus and handles the keys
            <div
              key={entity.id}
              id={`${list}-${place}`}
              role="option"
              tabIndex={-1}
              aria-selected={place === active}
              onPointerDown={(event) => event.preventDefault()} // keep the focus in the text field
              onClick={() => onChoose(entity)}
            >
              {entity.title}
              {entity.group && <span className="pc-caption"> {entity.group}</span>}
            </div>
          ))}
        </div>
      )}
      {children({
        "aria-autocomplete": "list",
        ...(chosen && { "aria-controls": list, "aria-activedescendant": `${list}-${active}` }),
        onKeyDown,
      })}
    </div>
  );
}
