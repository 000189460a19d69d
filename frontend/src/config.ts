/** The content of `/config.json`: the stack that serves this page. `make publish` writes it, `make dev` serves it. */
export interface RuntimeConfig {
  /** Path of the API on this origin. */
  apiUrl: string;
  /** OpenID issuer: Cognito's user pool. */
  authority: string;
  clientId: string;
  /** Origin of Cognito's sign-in pages; `/logout` is there. */
  signInDomain: string;
  redirectUri: string;
  /** ChatKit's domain key for this host name. */
  domainKey: string;
  /** Minutes without use after which all tabs are signed out. 0 for no limit. */
  idleTimeoutMinutes: number;
}

/** The configuration is missing or invalid. The message lists the invalid fields. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

type Check = (value: unknown) => boolean;

const fits = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);
const isUrl: Check = (value) => fits(/^https?:/)(value) && URL.canParse(value as string);
const CHECKS: Record<keyof RuntimeConfig, Check> = {
  apiUrl: fits(/^\/[^/]/),
  authority: isUrl,
  clientId: fits(/./),
  signInDomain: isUrl,
  redirectUri: isUrl,
  domainKey: fits(/^/), // an empty key selects the plain chat
  idleTimeoutMinutes: (value) => typeof value === "number" && value >= 0,
};

/** Fields that a config.json of an earlier version lacks. */
const DEFAULTS: Partial<Record<keyof RuntimeConfig, unknown>> = { idleTimeoutMinutes: 0 };

/** Validate `value` as configuration. Throws ConfigError. */
export function checkedConfig(value: unknown): RuntimeConfig {
  const given = { ...DEFAULTS, ...(Object(value) as Record<string, unknown>) };
  const faults = Object.entries(CHECKS).filter(([name, check]) => !check(given[name as keyof RuntimeConfig]));
  if (faults.length > 0) throw new ConfigError(`config.json: ${faults.map(([name]) => name).join(", ")}`);
  return given as unknown as RuntimeConfig;
}

/** Fetch and validate `/config.json`. Rejects with ConfigError. */
export async function loadConfig(url = "/config.json"): Promise<RuntimeConfig> {
  const response = await fetch(url, { cache: "no-cache" }).catch((cause: unknown) => {
    throw new ConfigError("config.json: unreachable", { cause });
  });
  if (!response.ok) throw new ConfigError(`config.json: ${response.status}`);
  const value: unknown = await response.json().catch((cause: unknown) => {
    throw new ConfigError("config.json: not JSON", { cause });
  });
  return checkedConfig(value);
}
