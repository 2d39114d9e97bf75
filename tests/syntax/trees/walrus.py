if (n := f(x)) > 1 and [y := 1]: pass
