/** Formats for amounts and days in one locale. */
export interface Amounts {
  money(cents: number): string;
  /** Without cents, for small spaces. */
  round(cents: number): string;
  day(iso: string): string;
  /** With the year. */
  date(iso: string): string;
}

export function amountsOf(locale: string, currency: string): Amounts {
  const exact = new Intl.NumberFormat(locale, { style: "currency", currency });
  const whole = new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 0 });
  const days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
  const dates = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
  return {
    money: (cents) => signed(exact.format(cents / 100)),
    round: (cents) => signed(whole.format(cents / 100)),
    day: (iso) => days.format(new Date(`${iso}T00:00:00Z`)),
    date: (iso) => dates.format(new Date(`${iso}T00:00:00Z`)),
  };
}

/** With a minus sign (U+2212), for which `Intl` has a hyphen in most locales. */
function signed(amount: string): string {
  return amount.replace("-", "\u2212");
}
