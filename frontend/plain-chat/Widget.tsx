import { type FormEvent, type MouseEvent, type ReactNode, useContext, useMemo, useRef } from "react";
import { BarChart } from "./BarChart";
import { actionOf, type Card, CardContext, payloadOf } from "./card";
import { childrenOf } from "./item-update";
import { Markdown, Picture } from "./Markdown";
import { CheckboxField, DateField, InputField, RadioField, SelectField, TextareaField } from "./WidgetField";
import { nameOf, textOf, words } from "./widget-text";
import type { ActionConfig, WidgetNode } from "./wire";

interface WidgetProps {
  id: string;
  widget: WidgetNode;
  /** Disables buttons and fields while a request is running. */
  disabled: boolean;
  onAction(action: ActionConfig, payload: unknown): void;
}

/** A widget of the assistant. Unsupported components are shown as their text. */
export function Widget({ id, widget, disabled, onAction }: WidgetProps) {
  const group = useRef<HTMLDivElement>(null);
  const card = useMemo(() => {
    const act: Card["act"] = (action, payload) => {
      // The turn disables the field or button that has the focus; by keyboard, the next Tab continues in the card.
      if (action.handler !== "client" && group.current?.querySelector(":focus-visible")) group.current.focus();
      onAction(action, payload);
    };
    return { id, labelled: labelledFields(widget), act };
  }, [id, widget, onAction]);
  return (
    <CardContext value={card}>
      {/* biome-ignore lint/a11y/useSemanticElements: a disabled fieldset cannot have the focus */}
      <div className="pc-group" role="group" aria-label={nameOf(widget) || undefined} tabIndex={-1} ref={group}>
        <fieldset className="pc-widget" role="presentation" disabled={disabled}>
          <Component node={widget} />
        </fieldset>
      </div>
    </CardContext>
  );
}

function Component({ node }: { node: WidgetNode }): ReactNode {
  const style = node as Record<string, string | undefined>;
  switch (node.type) {
    case "Card":
      return <CardRoot node={node} />;
    case "ListView":
      return <ul className="pc-list">{children(node)}</ul>;
    case "ListViewItem":
      return <ListItem node={node} />;
    case "Form":
      return <Form node={node} action={actionOf(node.onSubmitAction)} />;
    case "Row":
    case "Col":
    case "Box":
    case "Basic":
    case "Transition":
      return (
        <div className={node.type === "Row" || node.direction === "row" ? "pc-row" : "pc-col"} data-align={style.align}>
          {children(node)}
        </div>
      );
    case "Title":
      return <p className="pc-title">{words(node.value)}</p>;
    case "Text":
      return (
        <p className="pc-text" data-color={style.color} data-weight={style.weight}>
          {words(node.value)}
        </p>
      );
    case "Caption":
      return <p className="pc-caption">{words(node.value)}</p>;
    case "Markdown":
      return <Markdown text={words(node.value)} />;
    case "Badge":
      return (
        <span className="pc-badge" data-color={style.color}>
          {words(node.label)}
        </span>
      );
    case "Label":
      return <FieldLabel node={node} />;
    case "Button":
      return <Button node={node} />;
    case "Image":
      return <Picture src={node.src} alt={words(node.alt)} />;
    case "Icon":
      return null;
    case "Spacer":
      return <span className="pc-spacer" />;
    case "Divider":
      return <hr />;
    case "Chart":
      return <BarChart node={node} />;
    case "Input":
      return <InputField node={node} />;
    case "Textarea":
      return <TextareaField node={node} />;
    case "Select":
      return <SelectField node={node} />;
    case "DatePicker":
      return <DateField node={node} />;
    case "Checkbox":
      return <CheckboxField node={node} />;
    case "RadioGroup":
      return <RadioField node={node} />;
    default:
      return childrenOf(node).length ? <div>{children(node)}</div> : <p>{textOf(node)}</p>;
  }
}

function children(node: WidgetNode): ReactNode {
  return childrenOf(node).map((child, place) => <Component key={child.id ?? place} node={child} />);
}

function CardRoot({ node }: { node: WidgetNode }) {
  const { act } = useContext(CardContext);
  const [confirm, cancel] = [buttonOf(node.confirm), buttonOf(node.cancel)];
  const body = (
    <>
      {children(node)}
      {(confirm || cancel) && (
        <div className="pc-row pc-actions">
          {cancel && (
            <button type="button" className="pc-button" onClick={() => act(cancel.action, cancel.action.payload)}>
              {cancel.label}
            </button>
          )}
          {confirm && (
            <button
              type={node.asForm ? "submit" : "button"}
              className="pc-button pc-primary"
              onClick={(event) => !node.asForm && fire(event, confirm.action, act)}
            >
              {confirm.label}
            </button>
          )}
        </div>
      )}
    </>
  );
  if (!node.asForm) return <div className="pc-card">{body}</div>;
  return (
    <div className="pc-card">
      <FormElement action={confirm?.action ?? null}>{body}</FormElement>
    </div>
  );
}

function Form({ node, action }: { node: WidgetNode; action: ActionConfig | null }) {
  return <FormElement action={action}>{children(node)}</FormElement>;
}

function FormElement({ action, children: body }: { action: ActionConfig | null; children: ReactNode }) {
  const { act } = useContext(CardContext);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (action) act(action, payloadOf(action, event.currentTarget));
  };
  return (
    <form className="pc-col" onSubmit={submit}>
      {body}
    </form>
  );
}

function ListItem({ node }: { node: WidgetNode }) {
  const { act } = useContext(CardContext);
  const action = actionOf(node.onClickAction);
  if (!action) return <li className="pc-row">{children(node)}</li>;
  return (
    <li>
      <button type="button" className="pc-row pc-list-button" onClick={() => act(action, action.payload)}>
        {children(node)}
      </button>
    </li>
  );
}

function Button({ node }: { node: WidgetNode }) {
  const { act } = useContext(CardContext);
  const action = actionOf(node.onClickAction);
  const primary = node.style === "primary" || node.submit;
  return (
    <button
      type={node.submit ? "submit" : "button"}
      className={primary ? "pc-button pc-primary" : "pc-button"}
      disabled={node.disabled === true}
      onClick={(event) => action && fire(event, action, act)}
    >
      {words(node.label) || words(node.iconStart)}
    </button>
  );
}

function FieldLabel({ node }: { node: WidgetNode }) {
  const { id } = useContext(CardContext);
  return (
    <label className="pc-label" htmlFor={`${id}-${words(node.fieldName)}`}>
      {words(node.value)}
    </label>
  );
}

function fire(event: MouseEvent<HTMLButtonElement>, action: ActionConfig, act: Card["act"]): void {
  act(action, payloadOf(action, event.currentTarget.form));
}

function buttonOf(value: unknown): { label: string; action: ActionConfig } | null {
  if (typeof value !== "object" || value === null || !("action" in value)) return null;
  const action = actionOf(value.action);
  return action && { label: "label" in value ? words(value.label) : "OK", action };
}

function labelledFields(node: WidgetNode): Set<string> {
  const own = node.type === "Label" ? [words(node.fieldName)] : [];
  return new Set([...own, ...childrenOf(node).flatMap((child) => [...labelledFields(child)])]);
}
