import type { FormEvent } from "react";
import type { Answers, Question, StructuredInputItem } from "./wire";
import { words } from "./words";

interface QuestionFormProps {
  item: StructuredInputItem;
  disabled: boolean;
  onAnswer(answers: Answers): void;
}

const OTHER = "other";

/** The assistant's questions: a form while pending, then the answers. */
export function QuestionForm({ item, disabled, onAnswer }: QuestionFormProps) {
  if (item.status !== "pending") return <Answered item={item} />;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    onAnswer({
      status: "answered",
      answers: Object.fromEntries(item.inputs.flatMap((input) => answerTo(input, data))),
    });
  };
  return (
    <form className="pc-card" onSubmit={submit} aria-label={words().questions}>
      <fieldset className="pc-widget pc-col" disabled={disabled}>
        {item.inputs.map((input) =>
          input.type === "multiple_choice" ? (
            <Choice key={input.id} input={input} />
          ) : (
            <label key={input.id} className="pc-col pc-label">
              {input.question}
              {input.description && <span className="pc-caption">{input.description}</span>}
              <input className="pc-field" name={input.id} />
            </label>
          ),
        )}
        <div className="pc-row pc-actions">
          <button type="button" className="pc-button" onClick={() => onAnswer({ status: "skipped", answers: {} })}>
            {words().skip}
          </button>
          <button type="submit" className="pc-button pc-primary">
            {words().sendAnswers}
          </button>
        </div>
      </fieldset>
    </form>
  );
}

function Choice({ input }: { input: Question }) {
  return (
    <fieldset className="pc-col">
      <legend className="pc-label">{input.question}</legend>
      {input.options?.map(({ value }) => (
        <label key={value} className="pc-choice">
          <input type={input.multiple ? "checkbox" : "radio"} name={input.id} value={value} />
          {value}
        </label>
      ))}
      <input
        className="pc-field"
        name={`${input.id}.${OTHER}`}
        aria-label={`${input.question} ${words().somethingElse}`}
        placeholder={words().somethingElse}
      />
    </fieldset>
  );
}

/** Where only one answer counts, the typed one wins over the selected one. */
function answerTo(input: Question, data: FormData): [string, { values: string[] }][] {
  const own = data.get(`${input.id}.${OTHER}`);
  const given = [...data.getAll(input.id), own].map((value) => String(value ?? "").trim()).filter(Boolean);
  const values = input.multiple ? given : given.slice(-1);
  return values.length ? [[input.id, { values }]] : [];
}

function Answered({ item }: { item: StructuredInputItem }) {
  return (
    <dl className="pc-col">
      {item.inputs.map(({ id, question, answer }) => (
        <div key={id}>
          <dt className="pc-caption">{question}</dt>
          <dd>{answer?.values.length ? answer.values.join(", ") : words().skipped}</dd>
        </div>
      ))}
    </dl>
  );
}
