a = 'x' '\N{EN DASH}'
