"""Guards between an assistant and ChatKit. A careless assistant loses no content.

| rule | if an assistant breaks it |
|---|---|
| respond is an async generator | the turn fails |
| respond yields ThreadStreamEvents | the turn fails |
| an added item is done | it is stored as it was shown; an empty one is removed |
| a done item has its content | the streamed content is stored |
| an item is added before it changes | it is added |
| an item is done once | the second one replaces the first |
| an item does not change after it is done | the changed item replaces the first |
| one client tool is called at a time | the first call runs; the others get a result that tells the model so |
| the event loop is never blocked | the log has the stack after a second |

`rules` names them, `events` enforces them with `drafts`. `ids` and `surrogates` repair the events of models, which
break no rule.
"""
