a = 1if b else 2
