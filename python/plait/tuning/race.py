"""Racing: the fastest of several candidates with as few measurements as the noise allows.

Candidates are measured in rounds, each once a round and in random order, so that a noisy neighbour or a changing clock hits
all of them alike. After each round every candidate is compared with the leader (the least mean log time) by the differences
of the log times of the rounds in which both ran; who is slower with confidence leaves the race. Comparing after every round
is testing many times, so the error allowance of a race is spent over rounds and candidates: round n of K candidates tests at
level alpha * 6 / (pi^2 n^2) / K, which sums to alpha. What is left after the last round is equal as far as can be seen.

This is the racing of Maron and Moore (Hoeffding Races, NIPS 1994) with the paired tests of F-Race (Birattari et al., GECCO
2002), the t statistic in place of Hoeffding's bound, since times have no bound."""
import math
import random
import time

ALPHA = 0.05
LEAST_ROUNDS = 5
INDIFFERENT = 0.01  # differences below one in a hundred are not worth more rounds


def t_cdf(t, df):
    """Student's t, for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(df))
    cosine = math.cos(angle)
    term = total = cosine if df % 2 else 1.0
    for k in range(3 if df % 2 else 2, df - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if df == 1:
        inside = 2 / math.pi * angle
    elif df % 2:
        inside = 2 / math.pi * (angle + math.sin(angle) * total)
    else:
        inside = math.sin(angle) * total
    return 0.5 + inside / 2


def t_quantile(p, df):
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        if t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
    return high


def interval(differences, level):
    """(low, high) of the mean, each side wrong with probability `level`."""
    n = len(differences)
    if n < 2:
        return -math.inf, math.inf
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    width = t_quantile(1 - level, n - 1) * math.sqrt(variance / n)
    return mean - width, mean + width


def median(values):
    ordered, n = sorted(values), len(values)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def interval_of_median(values, level):
    """(low, high), each side wrong with probability `level` at most, whatever the distribution: that of the sign test."""
    n, k, below = len(values), 0, 0.0
    while k <= n // 2 and below + math.comb(n, k) / 2**n <= level:
        below += math.comb(n, k) / 2**n
        k += 1
    if not k:
        return -math.inf, math.inf
    ordered = sorted(values)
    return ordered[k - 1], ordered[n - k]


class Race:
    """Times of candidates by round. measure(candidate) gives seconds."""

    def __init__(self, candidates, measure, seed=0):
        self.candidates, self._measure = list(candidates), measure
        self.logs = {c: [] for c in self.candidates}
        self.alive = list(self.candidates)
        self.rounds = 0
        self._random = random.Random(seed)

    def run_round(self):
        order = list(self.alive)
        self._random.shuffle(order)
        for candidate in order:
            self.logs[candidate].append(math.log(max(self._measure(candidate), 1e-12)))
        self.rounds += 1

    def seconds(self, candidate):
        """The median of the rounds."""
        return math.exp(median(self.logs[candidate]))

    def differences(self, a, b):
        """Log times of a over b, of the rounds that both ran (the first ones)."""
        return [x - y for x, y in zip(self.logs[a], self.logs[b])]

    def leader(self):
        return min(self.alive, key=lambda c: sum(self.logs[c]) / len(self.logs[c]))

    def _level(self):
        return ALPHA * 6 / (math.pi**2 * self.rounds**2) / max(1, len(self.candidates) - 1)

    def eliminate(self):
        """Who is slower than the leader with confidence is out; true when the race is decided."""
        leader, level, undecided = self.leader(), self._level(), False
        if self.rounds < LEAST_ROUNDS:
            hopeless = [c for c in self.alive if min(self.differences(c, leader)) > math.log(3)] if self.rounds >= 2 else []
            self.alive = [c for c in self.alive if c not in hopeless]
            return len(self.alive) == 1
        for candidate in [c for c in self.alive if c is not leader]:
            low, high = interval(self.differences(candidate, leader), level)
            if low > 0:
                self.alive.remove(candidate)
            elif high > INDIFFERENT:
                undecided = True
        return not undecided

    def run(self, until, most_rounds=200, tick=lambda: None):
        """Rounds until it is decided, or until the clock (time.perf_counter) says `until`; at least LEAST_ROUNDS."""
        while self.rounds < most_rounds:
            self.run_round()
            decided = self.eliminate()
            tick()
            if decided or (self.rounds >= LEAST_ROUNDS and time.perf_counter() >= until):
                break
        return self.leader()

    def beats(self, challenger, incumbent, least_gain):
        """Whether the challenger is faster by more than `least_gain`, with confidence, and in both halves of the race, and in the
        best quarter of the rounds: load that comes and goes makes neighbouring rounds alike, which no interval knows."""
        differences = self.differences(challenger, incumbent)
        _, high = interval(differences, ALPHA / 2)
        half, quarter = len(differences) // 2, len(differences) // 4
        limit = -math.log1p(least_gain)
        halves = differences[:half], differences[half:]
        best = [sorted(self.logs[c])[quarter] for c in (challenger, incumbent)]
        return high < limit and best[0] - best[1] < limit and all(d and sum(d) / len(d) < limit for d in halves)
