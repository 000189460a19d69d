"""Writes docs/operate/cost.md from counted units and prices: `python -m tools.bench.cost.page`.

A test writes the page again and compares, so that no figure on it is edited by hand.
"""

from __future__ import annotations

from tools import ROOT
from tools.bench import results
from tools.bench.cost import month
from tools.bench.cost.bill import MEMORY_MB, NOTED, PRICES, REGION, Counted
from tools.bench.cost.month import Month, month_bill
from tools.bench.cost.section import price_row
from tools.bench.results import Result
from tools.bench.section import table
from tools.stack.template import read_template

PAGE = ROOT / "docs" / "operate" / "cost.md"
SHAPE = "20 s answer"
MONTHS = {
    "20 users": Month(20, 200),
    "500 users": Month(500, 200),
    "10,000 users": Month(10_000, 100),
}
GROUPS = {
    "Lambda": ("lambda_gb_seconds", "lambda_requests"),
    "DynamoDB": ("dynamodb_writes", "dynamodb_reads", "table_bytes"),
    "S3": ("s3_writes", "s3_reads", "file_bytes"),
    "CloudFront": ("edge_requests", "edge_bytes_out", "edge_bytes_in"),
    "CloudWatch: logs": ("log_bytes",),
    "CloudWatch: alarms, metrics, dashboard": ("alarms", "metrics", "dashboards"),
    "Secrets Manager": ("secrets",),
    "Cognito": ("active_users", "federated_users"),
}


def page(result: Result) -> str:
    """Return the page for the counted turns of a `cost` result."""
    turn = result.figures["turns"][SHAPE]
    counted, seconds = Counted(**turn["counted"]), turn["answer_seconds"]
    alarms = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in read_template()["Resources"].values())
    bills = {name: month_bill(each, counted, seconds, alarms) for name, each in MONTHS.items()}
    rows = [
        [group, *(money(sum(line.dollars for line in lines if line.price in [PRICES[key] for key in keys]))
                  for lines in bills.values())]
        for group, keys in GROUPS.items()
    ]  # fmt: skip
    rows.append(["**total**", *(f"**{money(sum(line.dollars for line in lines))}**" for lines in bills.values())])
    fixed = sum(line.dollars for line in month_bill(Month(0, 0), counted, seconds, alarms))
    options = [
        [option, *(money(extra(each, option, counted, seconds, alarms)) for each in MONTHS.values())]
        for option in month.OPTIONS
    ]
    return TEXT.format(
        noted=NOTED,
        region=REGION,
        memory=MEMORY_MB,
        seconds=seconds,
        fixed=money(fixed),
        months=table(["dollars per month", *MONTHS], rows),
        options=table(["option, dollars per month more", *MONTHS], options),
        prices=table(["", "$", "per", "source"], [price_row(name) for name in PRICES]),
        commit=result.commit,
        versions=month.VERSIONS,
        metrics=month.METRICS,
        restores=f"{month.RESTORES_PER_TURN:.0%}",
        rules=month.FIREWALL_RULES,
        others=month.OTHER_REQUESTS_PER_TURN,
    )


def extra(each: Month, option: str, counted: Counted, seconds: float, alarms: int) -> float:
    """Return the dollars by which `option` raises a month's bill."""
    with_option = Month(each.users, each.turns_per_user, (option,))
    bills = (month_bill(one, counted, seconds, alarms) for one in (with_option, each))
    more, before = (sum(line.dollars for line in lines) for lines in bills)
    return more - before


def money(dollars: float) -> str:
    return f"{dollars:,.2f}"


TEXT = """\
# Cost

<!-- Made by `python -m tools.bench.cost.page` from counted turns and tools/bench/cost/prices.toml. A test compares. -->

A stack without users costs about ${fixed} a month. The largest part of each turn is Lambda's memory while it waits
for the model: a turn occupies {memory} MB for as long as the answer takes. OpenAI's price for the tokens is usually
higher than all of AWS; the metrics `InputTokens` and `OutputTokens` count tokens, and `LIMITS` sets daily budgets
([turns.md](../understand/turns.md#limits)).

Users with 200 (in the last column 100) turns a month, each with an answer of {seconds} seconds:

{months}

The options in [company.md](company.md) cost in addition:

{options}

A budget alarm (`BudgetDollars`) reports before the month's bill does.

## Arithmetic

The units of a turn were counted in real turns against the local AWS (commit {commit});
[performance](../evidence/performance.md#cost-of-1-000-turns) lists them line by line. Prices are list prices of
{region} without discounts, noted in {noted} and not verified with AWS; free quantities that do not end after a year
are subtracted. Assumptions: one file of prices for all regions (others may cost 10 to 20 % more); {metrics} custom
metrics with values; SnapStart keeps {versions} versions, and {restores} of the turns restore a process; a web ACL
has {rules} rules; {others} other requests for each turn. Storage is that of one month's turns and accumulates. Not
included: the model, cold starts without SnapStart, data that leaves a bucket by presigned URL, mail, and support
plans.

{prices}
"""

if __name__ == "__main__":
    PAGE.write_text(page(results.read("cost")))
    print(f"wrote {PAGE.relative_to(ROOT)}")
