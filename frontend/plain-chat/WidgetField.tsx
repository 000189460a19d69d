import { type ChangeEvent, useContext } from "react";
import { actionOf, CardContext, payloadOf } from "./card";
import { words } from "./widget-text";
import type { WidgetNode } from "./wire";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
interface Props {
  node: WidgetNode;
}

/** The props that all fields share: name, label, and an optional action on change. */
function useField(node: WidgetNode) {
  const { id, labelled, act } = useContext(CardContext);
  const name = words(node.name);
  const onChange = ({ currentTarget: field }: ChangeEvent<Field>) => {
    const action = actionOf(node.onChangeAction);
    if (!action) return;
    act(action, field.form ? payloadOf(action, field.form) : { ...(action.payload as object), [name]: field.value });
  };
  return {
    name,
    onChange,
    id: `${id}-${name}`,
    required: node.required === true,
    disabled: node.disabled === true,
    "aria-label": labelled.has(name) ? undefined : words(node.ariaLabel) || words(node.placeholder) || name,
  };
}

const INPUT_TYPES = new Set(["number", "email", "text", "password", "tel", "url"]);

export function InputField({ node }: Props) {
  const type = words(node.inputType);
  return (
    <input
      {...useField(node)}
      className="pc-field"
      type={INPUT_TYPES.has(type) ? type : "text"}
      step={type === "number" ? "any" : undefined}
      defaultValue={words(node.defaultValue)}
      placeholder={words(node.placeholder)}
      pattern={words(node.pattern) || undefined}
    />
  );
}

export function TextareaField({ node }: Props) {
  return (
    <textarea
      {...useField(node)}
      className="pc-field"
      rows={typeof node.rows === "number" ? node.rows : 3}
      defaultValue={words(node.defaultValue)}
      placeholder={words(node.placeholder)}
    />
  );
}

export function DateField({ node }: Props) {
  const day = (value: unknown) => words(value).slice(0, 10) || undefined;
  return (
    <input
      {...useField(node)}
      className="pc-field"
      type="date"
      defaultValue={day(node.defaultValue)}
      min={day(node.min)}
      max={day(node.max)}
    />
  );
}

interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

function optionsOf(node: WidgetNode): Option[] {
  return Array.isArray(node.options) ? node.options.filter((option) => typeof option?.value === "string") : [];
}

export function SelectField({ node }: Props) {
  return (
    <select {...useField(node)} className="pc-field" defaultValue={words(node.defaultValue)}>
      <option value="">{words(node.placeholder) || "–"}</option>
      {optionsOf(node).map(({ value, label, disabled }) => (
        <option key={value} value={value} disabled={disabled}>
          {words(label)}
        </option>
      ))}
    </select>
  );
}

export function CheckboxField({ node }: Props) {
  const { "aria-label": _, ...field } = useField(node);
  return (
    <label className="pc-choice">
      <input {...field} type="checkbox" value="true" defaultChecked={node.defaultChecked === true} />
      {words(node.label) || field.name}
    </label>
  );
}

export function RadioField({ node }: Props) {
  const { id, "aria-label": label, ...field } = useField(node);
  return (
    <div role="radiogroup" id={id} aria-label={label ?? field.name} className="pc-col">
      {optionsOf(node).map((option) => (
        <label key={option.value} className="pc-choice">
          <input {...field} type="radio" value={option.value} defaultChecked={option.value === node.defaultValue} />
          {words(option.label)}
        </label>
      ))}
    </div>
  );
}
