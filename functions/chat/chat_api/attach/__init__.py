"""Attach: a turn's events outlive its connection and its process.

| module | contents |
|---|---|
| entries | the journal's entries: one for each event of a turn |
| fold | the items of a running turn, as the sum of its entries |
| producer | writes the entries of a running turn once an interval, and renews its lock |
| reader | sends another reader the events of a turn, in finite responses |
| takeover | stores the answer so far of a turn whose process died |

docs/understand/attach.md explains how they work together.
"""
