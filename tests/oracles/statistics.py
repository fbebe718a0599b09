"""Writes random cases, one JSON object a line, with what scipy, statsmodels and scikit-learn find.

    pip install scipy statsmodels scikit-learn && python tests/oracles/statistics.py [seed]

Its counterpart in Rust, `tests/statistics.rs`, computes the same with our code.
Where no package has a method (Newcombe's paired interval, DeLong's test) it is written out here in
the plainest form, straight from the paper. Ends with 77 where a package is missing.
"""

import gc
import json
import sys
import warnings

try:
    import numpy
    from scipy import stats
    from sklearn import metrics
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportion_confint
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

warnings.simplefilter("ignore")
# statsmodels collects garbage at each call, which takes longer than all else here.
gc.collect = lambda: 0
random = numpy.random.default_rng(int(sys.argv[1]) if len(sys.argv) > 1 else 7)


def say(of, wanted, **case):
    wanted = [float(number) for number in wanted]
    print(json.dumps({"of": of, "wanted": wanted, **case}))


def confidence():
    return float(random.choice([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]))


def distributions():
    z = float(random.normal() * 10 ** random.uniform(-1, 1))
    say("normal", [stats.norm.cdf(z), stats.norm.sf(z), stats.norm.pdf(z)], z=z)
    q = float(random.choice([random.uniform(), 10 ** random.uniform(-300, 0)]))
    say("quantile", [stats.norm.isf(q)], q=q)
    freedom = float(round(10 ** random.uniform(0, 6)))
    t = float(random.normal() * 10 ** random.uniform(-1, 1))
    share = confidence()
    critical = stats.t.isf((1 - share) / 2, freedom)
    say("student", [2 * stats.t.sf(abs(t), freedom), critical], t=t, freedom=freedom, confidence=share,
        tolerance=1e-9 * max(1, critical))


def wilson():
    n = int(10 ** random.uniform(0, 6))
    k = int(random.choice([0, n, random.integers(n + 1), n - random.integers(min(n, 30) + 1)]))
    share = confidence()
    say("wilson", proportion_confint(k, n, 1 - share, "wilson"), counts=[k, n], confidence=share)


def mcnemar_test():
    most = 10 ** random.uniform(0, 6)
    b = int(random.uniform(0, most))
    c = int(random.choice([b, random.uniform(0, most), b + random.normal() * b ** 0.5 * 2 + 1]))
    c = max(c, 0)
    k, m = min(b, c), b + c
    exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue if m else 1.0
    seen = stats.binom.pmf(k, m, 0.5)
    mid = 1.0 if m == 0 else 1 - seen / 2 if b == c else 2 * stats.binom.cdf(k, m, 0.5) - seen
    say("mcnemar", [exact, mid], counts=[b, c])


def newcombe():
    most = 10 ** random.uniform(0, 5)
    shares = random.dirichlet(random.choice([0.2, 1.0, 5.0], 4))
    a, b, c, d = (int(share * most) for share in shares)
    n = a + b + c + d
    if n == 0:
        return
    share = confidence()
    l1, u1 = proportion_confint(a + c, n, 1 - share, "wilson")
    l2, u2 = proportion_confint(a + b, n, 1 - share, "wilson")
    p1, p2 = (a + c) / n, (a + b) / n
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    if product == 0:
        phi = 0
    elif excess > n / 2:
        phi = (excess - n / 2) / product ** 0.5
    elif excess >= 0:
        phi = 0
    else:
        phi = excess / product ** 0.5
    low = p1 - p2 - max(0, (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2) ** 0.5
    high = p1 - p2 + max(0, (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2) ** 0.5
    # Where nothing but rounding is under the root, its square root is.
    say("newcombe", [max(low, -1), min(high, 1)], counts=[a, b, c, d], confidence=share, tolerance=3e-8 if b + c == 0 else 1e-9)


def holm():
    p_values = [float(p) for p in random.uniform(size=random.integers(1, 12)) ** random.choice([1, 4])]
    if random.uniform() < 0.3:
        p_values.append(p_values[0])
    say("holm", multipletests(p_values, method="holm")[1], p_values=p_values)


def means():
    n = int(10 ** random.uniform(0.4, 3))
    base = random.exponential(size=n)
    here = base * random.uniform(0.5, 1.2) + random.exponential(size=n) * random.uniform(0, 0.5)
    share = confidence()
    test = stats.ttest_rel(here, base)
    low, high = test.confidence_interval(share)
    say("mean", [base.mean(), here.mean(), low, high, test.pvalue], base=base.tolist(), here=here.tolist(),
        confidence=share)


def delong(actual, base, here, share):
    """The structural components, pair by pair."""
    def components(scores):
        pairs = numpy.sign(scores[actual == 1][:, None] - scores[actual == 0][None, :]) / 2 + 0.5
        return pairs.mean(1), pairs.mean(0)

    (v10, v01), (w10, w01) = components(here), components(base)
    covariance = numpy.cov(v10, w10) / len(v10) + numpy.cov(v01, w01) / len(v01)
    error = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    difference = v10.mean() - w10.mean()
    half = stats.norm.isf((1 - share) / 2) * error
    return difference - half, difference + half, 2 * stats.norm.sf(abs(difference) / error)


def areas():
    n = int(random.integers(12, 200))
    actual = numpy.r_[0, 0, 0, 1, 1, 1, random.integers(2, size=n)]
    digits = int(random.choice([0, 1, 15]))
    base = numpy.round(random.normal(size=n + 6) + actual * random.uniform(0, 2), digits)
    here = numpy.round(base + random.normal(size=n + 6) * random.uniform(0.2, 1), digits)
    share = confidence()
    base_area, here_area = (metrics.roc_auc_score(actual, scores) for scores in (base, here))
    interval = delong(actual, base, here, share)
    if numpy.isfinite(interval).all():
        say("auc", [base_area, here_area, *interval, here_area], actual=actual.tolist(), base=base.tolist(),
            here=here.tolist(), confidence=share)


def classification():
    n, classes = int(random.integers(1, 300)), int(random.integers(1, 12))
    actual = random.integers(classes, size=n)
    is_wrong = random.uniform(size=n) < random.uniform()
    predicted = numpy.where(is_wrong, random.integers(classes, size=n), actual)
    wanted = [metrics.accuracy_score(actual, predicted)]
    for average in ["macro", "weighted"]:
        wanted += metrics.precision_recall_fscore_support(actual, predicted, average=average, zero_division=0)[:3]
    labels = range(max(actual.max(), predicted.max()) + 1)
    each = metrics.precision_recall_fscore_support(actual, predicted, labels=labels, zero_division=0)[:3]
    wanted += numpy.transpose(each).ravel().tolist()
    say("classification", wanted, actual=actual.tolist(), predicted=predicted.tolist())


def bootstrap():
    """Resamples examples one by one; agrees as far as two random numbers of replicates can."""
    n = 600
    actual = random.integers(3, size=n)
    base, here = (numpy.where(random.uniform(size=n) < 0.2, random.integers(3, size=n), actual) for _ in range(2))
    kinds, cells = numpy.unique(numpy.c_[actual, base, here], axis=0, return_counts=True)

    def macro_f1(actual, predicted):
        matrix = numpy.bincount(actual * 3 + predicted, minlength=9).reshape(3, 3)
        return (2 * matrix.diagonal() / (matrix.sum(0) + matrix.sum(1))).mean()

    differences = []
    for _ in range(10000):
        drawn = random.integers(n, size=n)
        differences.append(macro_f1(actual[drawn], here[drawn]) - macro_f1(actual[drawn], base[drawn]))
    # The ends of a 95 % interval have a standard error of 2.7 σ / √B, on either side.
    tolerance = 5 * 2 ** 0.5 * 2.7 * float(numpy.std(differences)) / 100
    say("bootstrap", numpy.quantile(differences, [0.025, 0.975]), kinds=kinds.tolist(), cells=cells.tolist(),
        tolerance=tolerance)


for _ in range(300):
    for case in [distributions, wilson, mcnemar_test, newcombe, holm, means]:
        case()
for _ in range(100):
    for case in [areas, classification]:
        case()
bootstrap()
