import type { PlainChatProps } from "./props";

interface StartScreenProps extends Pick<PlainChatProps, "greeting" | "prompts"> {
  onPrompt(prompt: string): void;
}

/** The view before the first message: a greeting and suggested prompts. */
export function StartScreen({ greeting, prompts, onPrompt }: StartScreenProps) {
  return (
    <div className="pc-start">
      <p className="pc-greeting">{greeting}</p>
      <ul>
        {prompts.map(({ label, prompt }) => (
          <li key={label}>
            <button type="button" className="pc-prompt" onClick={() => onPrompt(prompt)}>
              {label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
