for i range(3):
    x = 1 +
    y = 2
z = [1,, 2]
