import type { PlainChatProps } from "./props";

interface StartScreenProps extends Pick<PlainChatProps, "greeting" | "prompts"> {
  onPrompt(prompt: string): void;
}

/** Before the first message: a greeting, and what one could ask. */
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
