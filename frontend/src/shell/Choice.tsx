import { useId } from "react";

/** A choice of one option, as a row of radio buttons. */
export function Choice<T extends string>({ legend, options, chosen, onChoose }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {options.map(({ value, label }) => (
        <label key={value}>
          <input type="radio" name={name} value={value} checked={value === chosen} onChange={() => onChoose(value)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface ChoiceProps<T extends string> {
  legend: string;
  options: { value: T; label: string }[];
  chosen: T;
  onChoose: (value: T) => void;
}
