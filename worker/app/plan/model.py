"""Which hour of the week is best for whom: mails with the hour they were sent at,
a segment of recipients and whether they were read go in; rates for each segment
and hour come out.

Three levels, each drawn towards the one above as far as its data are few: all
mails; each of the 168 hours, drawn towards what its weekday and its hour of the
day say together; each segment's hours, drawn towards everybody's.  How strongly
is taken from the data themselves: the beta-binomial's moments.
"""

import dataclasses

import numpy

HOURS = 168
FEWEST_MAILS = 1000
FEWEST_READ = 50
FEWEST_OF_SEGMENT = 200


class TooFew(Exception):
    """Nothing can be learned from so little; the text says how much there is."""


@dataclasses.dataclass
class Model:
    overall: float
    everybody: numpy.ndarray            # 168 rates
    segments: dict                      # name: 168 rates
    mails: int

    def rates(self, segment):
        return self.segments.get(segment, self.everybody)

    def best(self, segment):
        """The hour of the week, 0 is Monday at midnight."""
        return int(numpy.argmax(self.rates(segment)))

    def as_json(self):
        def rounded(rates):
            return [round(float(rate), 5) for rate in rates]
        return {"overall": self.overall, "everybody": rounded(self.everybody), "mails": self.mails,
                "segments": {name: rounded(rates) for name, rates in self.segments.items()}}

    @classmethod
    def from_json(cls, value):
        return cls(value["overall"], numpy.array(value["everybody"]),
                   {name: numpy.array(rates) for name, rates in value["segments"].items()}, value["mails"])


def counts(hours, read):
    """(mails, read) for each hour of the week."""
    return (numpy.bincount(hours, minlength=HOURS).astype(float),
            numpy.bincount(hours, weights=read, minlength=HOURS))


def strength(mails, read, prior):
    """How many mails the prior is worth: from how far the cells' rates are apart
    beyond what chance does.  2 to 5000."""
    used = mails > 0
    n, k, p = mails[used], read[used], prior[used]
    chance = p * (1 - p)
    surplus = ((k - n * p) ** 2 - n * chance).sum()
    scale = (n * (n - 1) * chance).sum()
    if scale <= 0:
        return 5000.0
    correlation = surplus / scale
    return float(numpy.clip(1 / correlation - 1, 2, 5000)) if correlation > 0 else 5000.0


def shrink(mails, read, prior):
    worth = strength(mails, read, prior)
    return (read + worth * prior) / (mails + worth)


def margins(mails, read, overall):
    """What weekday and hour of the day say together, as odds."""
    grid_n, grid_k = mails.reshape(7, 24), read.reshape(7, 24)

    def odds(axis, size):
        rate = shrink(grid_n.sum(axis), grid_k.sum(axis), numpy.full(size, overall))
        return numpy.log(rate / (1 - rate)) - numpy.log(overall / (1 - overall))

    both = odds(1, 7)[:, None] + odds(0, 24)[None, :] + numpy.log(overall / (1 - overall))
    return (1 / (1 + numpy.exp(-both))).reshape(HOURS)


def hours_of(mails, read, overall):
    return shrink(mails, read, margins(mails, read, overall))


def segment_hours(mails, read, everybody):
    """A segment's own habits: its level, its weekdays and hours of the day as far
    as they differ from everybody's, and then its single hours."""
    total = max(mails.sum(), 1)
    expected = (mails * everybody).sum()
    level = (read.sum() + 20 * expected / total) / (expected + 20 * expected / total)
    prior = numpy.clip(everybody * level, 1e-4, 0.99)
    log_ratio = numpy.zeros(HOURS)
    for axis, size in ((1, 7), (0, 24)):
        wanted = (mails * prior).reshape(7, 24).sum(axis)
        found, sent = read.reshape(7, 24).sum(axis), mails.reshape(7, 24).sum(axis)
        mean = numpy.divide(wanted, sent, out=numpy.full(size, prior.mean()), where=sent > 0)
        part = numpy.log(shrink(sent, found, mean) / mean)
        log_ratio += part.repeat(24) if axis == 1 else numpy.tile(part, 7)
    prior = numpy.clip(prior * numpy.exp(log_ratio), 1e-4, 0.99)
    return shrink(mails, read, prior)


def learn(hours, segments, read):
    """Learns from mails: hours of the week, names of segments, 0 or 1, each an
    array.  TooFew."""
    hours, read = numpy.asarray(hours, int), numpy.asarray(read, float)
    segments = numpy.asarray(segments, object)
    if len(hours) < FEWEST_MAILS or read.sum() < FEWEST_READ:
        raise TooFew(f"{len(hours)} mails, {int(read.sum())} of them read: it takes"
                     f" {FEWEST_MAILS} and {FEWEST_READ}.")
    overall = float(numpy.clip(read.mean(), 1e-4, 0.99))
    everybody = hours_of(*counts(hours, read), overall)
    found = {}
    for name in sorted(set(segments)):
        own = segments == name
        if own.sum() >= FEWEST_OF_SEGMENT:
            found[name] = segment_hours(*counts(hours[own], read[own]), everybody)
    return Model(overall, everybody, found, len(hours))


def best_single_hour(hours, read, fewest=20):
    """What the model has to beat: the hour with the best rate of all mails."""
    mails, opened = counts(numpy.asarray(hours, int), numpy.asarray(read, float))
    rates = numpy.where(mails >= fewest, opened / numpy.maximum(mails, 1), 0)
    return int(numpy.argmax(rates))
