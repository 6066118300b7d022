"""Dead letters after the fact: found, shown, sent again, landed after all, dropped. `pipeline dead` is made of it."""
