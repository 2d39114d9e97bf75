r = a and b and not c or d or e
