/** Formats for amounts and days in one locale. */
export interface Amounts {
  money(cents: number): string;
  /** Without cents, for small spaces. */
  round(cents: number): string;
  day(iso: string): string;
}

export function amountsOf(locale: string, currency: string): Amounts {
  const exact = new Intl.NumberFormat(locale, { style: "currency", currency });
  const whole = new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 0 });
  const days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
  return {
    money: (cents) => exact.format(cents / 100),
    round: (cents) => whole.format(cents / 100),
    day: (iso) => days.format(new Date(`${iso}T00:00:00Z`)),
  };
}
