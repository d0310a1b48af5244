"""Whole portfolios and what they must hold, computed in floating point from docs/margin.md: an oracle for the scenario engine.

Every input is the raw integer the engine gets (atoms, lots, seconds, Q30 ratios), so that only the arithmetic differs. Expected amounts
have one decimal. One portfolio is a block of lines; the first letter tells what the line is:

| line | fields |
| --- | --- |
| P | name, cash, depeg IM, depeg MM |
| G | risk group: members (bit i: market i), credit IM, credit MM, phi |
| M | mark, TWAP, confidence, R0, R1, r, stale range, seconds stale, t, w, size allowance IM, MM, size rate, |
|   | x, y, bids, asks, values of both, C0, C1 |
| X | market, forward, seconds, fixed share, fixed mean |
| O | expiry, strike, c or p, volatility, lots, bids, asks, values of both |
| R | E, E_im, E_tr, IM, T, MM, gross notional, not withdrawable, scan IM, scan MM (both over all markets) |
| L | per market: scan IM, scan MM, add-ons IM, MM, worst row IM, MM (0: a tie or no loss), option value |
"""
import random

import numpy
from scipy.special import ndtr

FILE = "crates/risk/vectors/scenario.csv"
ONE, DAY, YEAR = 1 << 30, 86_400, 365 * 86_400

# The grid, rows 1-33: spot in quarters of the range or as a share, volatility, what the loss counts at.
UP, SAME, DOWN, LINEAR, ABSOLUTE = range(5)
QUARTERS = [(4, UP), (-4, UP)] + [(q * sign, vol) for q in (3, 2, 1) for sign in (1, -1) for vol in (UP, SAME, DOWN)]
QUARTERS += [(0, UP), (0, SAME), (0, DOWN)]
TAILS = [(-0.66, 0.21), (-0.33, 0.42), (0.5, 0.2772), (1, 0.1386), (2, 0.0693), (3, 0.0462), (4, 0.03465), (5, 0.02772)]
NEAR = numpy.array([q for q, _ in QUARTERS] + [0] * 10)
FAR = numpy.array([0.0] * 23 + [move for move, _ in TAILS] + [0.0] * 2)
VOLS = [vol for _, vol in QUARTERS] + [UP] * 8 + [LINEAR, ABSOLUTE]
WEIGHT = numpy.array([1.0] * 23 + [weight for _, weight in TAILS] + [1.0] * 2)
IS_TAIL = numpy.array([False] * 23 + [True] * 8 + [False] * 2)
MIRROR = [QUARTERS.index((-q, vol)) for q, vol in QUARTERS] + list(range(23, 33))


def moves(spot_range):
    """Shares of the price, kept to 2^-30 and cut toward zero."""
    return numpy.trunc((NEAR / 4 * spot_range + FAR) * ONE) / ONE


# One option ------------------------------------------------------------------------------------------------------------------------------


def call_value(forward, strike, deviation):
    """Undiscounted Black-76; intrinsic where nothing is uncertain."""
    forward, deviation = numpy.broadcast_arrays(numpy.asarray(forward, float), numpy.asarray(deviation, float))
    if strike <= 0 or not deviation.all() or not forward.all():
        return numpy.maximum(forward - strike, 0.0)
    d1 = numpy.log(forward / strike) / deviation + deviation / 2
    return forward * ndtr(d1) - strike * ndtr(d1 - deviation)


class Unit:
    """A lot of one series: mark, delta, and the value in every row for both signs of a skew shock."""

    def __init__(self, series, expiry, spot_range):
        root = (max(expiry["tau"], 0) / YEAR) ** 0.5
        self.forward = expiry["forward"] * (ONE - expiry["share"]) // ONE
        self.strike = series["strike"] - expiry["mean"] * expiry["share"] // ONE
        self.is_call = series["kind"] == "c"
        sigma = series["sigma"] / ONE
        self.rows = numpy.array([self.shocked(expiry["tau"], sigma, root, sign, spot_range) for sign in (1, -1)])
        self.mark = float(self.rows[0, 21])
        if self.strike <= 0 or root == 0 or self.forward == 0:
            self.delta = self.forward if self.forward > self.strike else 0.0
        else:
            self.delta = self.forward * float(ndtr(numpy.log(self.forward / self.strike) / (sigma * root) + sigma * root / 2))
        if not self.is_call:
            self.delta -= self.forward

    def shocked(self, tau, sigma, root, sign, spot_range):
        term = 30 * DAY / max(tau, DAY)
        h = term ** (0.30 if tau < 30 * DAY else 0.13)
        bend = 0.0
        if self.strike > 0 and root > 0 and self.forward > 0:
            bend = 0.2 * float(numpy.clip(numpy.log(self.strike / self.forward) / (2 * sigma * root), -1, 1))
        vols = {
            UP: max(sigma * (1 + 0.5 * h), 0.5, sigma),
            SAME: sigma,
            DOWN: sigma * (1 - 0.3 * h),
            LINEAR: sigma * (1 + sign * bend),
            ABSOLUTE: sigma * (1 + sign * abs(bend)),
        }
        forwards = numpy.floor(self.forward * (1 + moves(spot_range)) + 0.5)
        calls = call_value(forwards, self.strike, numpy.array([vols[vol] for vol in VOLS]) * root)
        return calls if self.is_call else calls - (forwards - self.strike)

    def payoff(self, settlement):
        return max(settlement - self.strike, 0.0) if self.is_call else max(self.strike - settlement, 0.0)


# One market ------------------------------------------------------------------------------------------------------------------------------


def sides(leg, price, with_orders):
    """Lots held after all bids or after all asks, with what those orders lose at once."""
    if not with_orders:
        return [(leg["lots"], 0.0)]
    bought = max(0.0, leg["bids_value"] - leg["bids"] * price)
    sold = max(0.0, leg["asks"] * price - leg["asks_value"])
    return [(leg["lots"] + leg["bids"], bought), (leg["lots"] - leg["asks"], sold)]


def most_lost(legs, spot_range):
    """M of one expiry: [(leg, unit)]."""
    forward = legs[0][1].forward
    k = max(0, -sum(leg["lots"] for leg, unit in legs if unit.is_call))
    points = [0.0] + [max(0.0, unit.strike) for _, unit in legs]
    least = min(sum(leg["lots"] * unit.payoff(s) for leg, unit in legs) + k * s for s in points)
    mark = sum(leg["lots"] * unit.mark for leg, unit in legs)
    return max(0.0, mark + k * forward - least) + spot_range * k * forward


def net_short(legs, with_orders):
    """Net short calls and net short puts of an expiry, each at least nothing."""
    held = lambda leg: leg["lots"] - (leg["asks"] if with_orders else 0)
    of = lambda kind: max(0, -sum(held(leg) for leg, unit in legs if unit.is_call == kind))
    return of(True) + of(False)


class Measure:
    """Scan, add-ons and loss profile of one market; `initial` or maintenance."""

    def __init__(self, market, expiries, initial):
        price, spot_range = market["mark"], market["range"] / ONE
        rate = market["im_rate" if initial else "mm_rate"] / ONE
        factor = 1.0 if initial else 0.8
        collateral = market["c_im" if initial else "c_mm"]
        ends = [(lots * price + collateral, loss) for lots, loss in sides(market, price, initial)]
        linear = numpy.max([loss - delta * moves(spot_range) for delta, loss in ends], axis=0)
        options = numpy.zeros(33)
        for _, legs in expiries:
            by_sign = 0.0
            for leg, unit in legs:
                losses = [loss + lots * (unit.mark - unit.rows) for lots, loss in sides(leg, unit.mark, initial)]
                by_sign = by_sign + numpy.max(losses, axis=0)
            options += numpy.max(by_sign, axis=0)
        self.losses, self.options = linear + options, options
        self.linear = max(rate * abs(delta) + loss for delta, loss in ends)
        self.largest_delta = max(abs(delta) for delta, _ in ends)
        grid = factor * max(0.0, float(numpy.max(WEIGHT * self.losses)))
        self.opt = factor * max(0.0, float(numpy.max(WEIGHT * options)))
        ordered = initial and any(leg["bids"] or leg["asks"] for _, legs in expiries for leg, _ in legs)
        self.most = float("inf") if ordered else sum(most_lost(legs, spot_range) for _, legs in expiries)
        self.scan = min(grid, self.linear + min(self.opt, self.most))
        slope = min(rate, factor * spot_range)
        at_ends = [max(loss - sign * slope * delta for delta, loss in ends) for sign in (1, -1)]
        self.worst = worst(WEIGHT * self.losses if expiries else numpy.array(at_ends))
        self.option_add_ons = sum(self.of_expiry(terms, legs, initial) for terms, legs in expiries)
        capped = min(self.scan + self.option_add_ons, self.linear + min(self.opt + self.option_add_ons, self.most)) - self.scan
        lots = max(abs(lots) for lots, _ in sides(market, price, initial))
        free = market["size_im" if initial else "size_mm"]
        self.add_ons = capped + market["size_rate"] / ONE * max(0.0, lots * price - free)
        self.profile = self.profile_of(bool(expiries), ends, slope, grid, factor)

    def of_expiry(self, terms, legs, initial):
        tau = max(terms["tau"], 0) / YEAR
        losses = 0.0
        for leg, unit in legs:
            losses = losses + numpy.max([loss + lots * (unit.mark - unit.rows[0]) for lots, loss in sides(leg, unit.mark, initial)], axis=0)
        basis = (0.5 + 2 * tau) * max(0.0, float(losses[15]), float(losses[18]))
        short = net_short(legs, initial) * legs[0][1].forward * (0.01 if initial else 0.005)
        value = sum(leg["lots"] * unit.mark for leg, unit in legs)
        return basis + short + (1 - 0.95 * numpy.exp(-0.16 * tau)) * max(0.0, value)

    def profile_of(self, has_options, ends, slope, grid, factor):
        if not has_options:
            profile = numpy.max([loss - delta * slope * NEAR / 4 for delta, loss in ends], axis=0) * ~IS_TAIL
        else:
            profile = factor * WEIGHT * self.losses
            tail = numpy.maximum(0.0, factor * WEIGHT * numpy.minimum(self.losses, self.options))
            profile = numpy.where(IS_TAIL, numpy.minimum(numpy.maximum(profile, 0.0), tail), profile)
            cut = min(grid, self.linear + self.most)
            profile = numpy.minimum(profile, cut) * (self.scan / cut if cut else 0.0)
            profile += self.scan - profile.max()
        gains = numpy.maximum(0.0, profile[MIRROR])
        return numpy.where(profile < 0, -numpy.minimum(-profile, gains), profile)


def worst(losses):
    """Row of the largest loss, 0 where there is none or another is within a thousandth of it."""
    order = numpy.argsort(-losses)
    first, second = losses[order[0]], losses[order[1]]
    return int(order[0]) + 1 if first > 0 and first - second > 1e-3 * first + 1e3 else 0


# The account -----------------------------------------------------------------------------------------------------------------------------


def across(measures, groups, initial):
    """The scans of all markets, each group's offsets taken off."""
    grouped = sum(group["members"] for group in groups)
    total = sum(m.scan for place, m in enumerate(measures) if not grouped >> place & 1)
    for group in groups:
        members = [m for place, m in enumerate(measures) if group["members"] >> place & 1]
        joint = max(0.0, float(numpy.max(sum(m.profile for m in members))))
        alone = sum(m.scan for m in members)
        credit = group["credit_im" if initial else "credit_mm"] / ONE
        total += max(joint + (1 - credit) * (alone - joint), group["phi"] / ONE * max(m.scan for m in members))
    return total


def evaluate(account):
    """The R line and the L lines of an account."""
    equity = equity_im = equity_trigger = float(account["cash"])
    gross = locked = extra = 0.0
    initials, maintenances, values = [], [], []
    for place, market in enumerate(account["markets"]):
        price, spot_range = market["mark"], market["range"] / ONE
        expiries = []
        for number, terms in enumerate(account["expiries"]):
            legs = [(leg, Unit(leg, terms, spot_range)) for leg in account["options"] if leg["expiry"] == number]
            if terms["market"] == place and legs:
                expiries.append((terms, legs))
        im, mm = Measure(market, expiries, True), Measure(market, expiries, False)
        initials.append(im)
        maintenances.append(mm)
        pairs = [pair for _, legs in expiries for pair in legs]
        value = sum(leg["lots"] * unit.mark for leg, unit in pairs)
        values.append(value)
        unsettled = market["lots"] * price + market["quote"]
        notional = market["lots"] * price

        # Equity and its edges.
        confidence, gap, stale = market["confidence"] / ONE, abs(price - market["twap"]) / price, market["stale_range"] / ONE
        equity += unsettled + market["c_mm"] + value
        adverse = max(confidence, gap, stale)
        delta = sum(leg["lots"] * unit.delta for leg, unit in pairs)
        bids = [max(leg["bids"] * unit.delta, -leg["asks"] * unit.delta, 0.0) for leg, unit in pairs]
        asks = [max(-leg["bids"] * unit.delta, leg["asks"] * unit.delta, 0.0) for leg, unit in pairs]
        high = notional + market["c_im"] + market["bids"] * price + delta + sum(bids)
        low = notional + market["c_im"] - market["asks"] * price + delta - sum(asks)
        edge = adverse * max(abs(high), abs(low))
        needed = im.opt + im.option_add_ons
        if pairs:
            edge = min(edge, adverse * im.largest_delta + max(0.0, im.most - needed))
        equity_im += (market["claim"] / ONE * unsettled if unsettled > 0 else unsettled) + market["c_im"] + value - edge
        favour = abs(notional + market["c_mm"] + delta) * (stale if stale else min(confidence, 0.005))
        if stale and market["stale_for"] > 600:
            equity -= favour
            favour = 0.0
        equity_trigger += favour
        locked += max(0.0, value - min(needed, im.most)) if pairs else 0.0
        gross += abs(notional) + sum(net_short(legs, False) * legs[0][1].forward for _, legs in expiries)

        # Exit target.
        own = market["target"] / ONE * abs(notional)
        if pairs:
            need = mm.scan + mm.add_ons
            own = max(own, min(0.15 * need, max(0.0, mm.linear + mm.most - need)))
        extra += own
    equity_trigger += equity - account["cash"]
    scan_im, scan_mm = across(initials, account["groups"], True), across(maintenances, account["groups"], False)
    mm = (scan_mm + sum(m.add_ons for m in maintenances)) * (1 + account["depeg_mm"] / ONE)
    target = mm + extra
    im = max((scan_im + sum(m.add_ons for m in initials)) * (1 + account["depeg_im"] / ONE), target)
    result = [equity, equity_im, equity_trigger, im, target, mm, gross, locked, scan_im, scan_mm]
    lines = ["R," + ",".join(f"{number + 0.0:.1f}" for number in result)]
    for i, m, value in zip(initials, maintenances, values):
        amounts = ",".join(f"{number + 0.0:.1f}" for number in (i.scan, m.scan, i.add_ons, m.add_ons))
        lines.append(f"L,{amounts},{i.worst},{m.worst},{value + 0.0:.1f}")
    return lines


# Random accounts -------------------------------------------------------------------------------------------------------------------------

MARKS = [1_500_000, 6_000_000, 3_000_000, 250_000]
KINDS = ["perp", "orders", "hedged", "stale", "size", "spread", "long_only", "straddle", "covered", "window", "expiries", "option_orders"]
KINDS += ["markets", "group", "group_orders", "group_options", "mixed", "wild"]
KINDS += ["balanced_group", "tail_group", "orders_and_options_group", "box", "put_spread", "reversal"]
ROUNDS = 16


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def share(self, low, high):
        return int(self.random.uniform(low, high) * ONE)

    def lots(self, largest=30_000):
        return self.random.choice([-1, 1]) * int(10 ** self.random.uniform(1, numpy.log10(largest)))

    def market(self, place, lots=None, orders=False, collateral=False):
        mark = int(MARKS[place] * self.random.uniform(0.5, 2))
        lots = self.lots() if lots is None else lots
        value = lambda n, low, high: int(n * mark * self.random.uniform(low, high))
        bids, asks = (self.random.randrange(0, 20_000) * orders for _ in range(2))
        held = self.random.randrange(1_000, 40_000) * mark * collateral
        return {
            "mark": mark, "twap": int(mark * self.random.choice([1, self.random.uniform(0.98, 1.02)])), "confidence": self.share(0, 0.01),
            "im_rate": self.share(0.05, 0.3), "mm_rate": self.share(0.03, 0.25), "range": self.share(0.15, 0.5), "stale_range": 0,
            "stale_for": 0, "target": self.share(0.01, 0.03), "claim": self.share(0.8, 1), "size_im": 1 << 56, "size_mm": 1 << 56,
            "size_rate": self.share(0.02, 0.08), "lots": lots, "quote": -value(lots, 0.8, 1.2), "bids": bids, "asks": asks,
            "bids_value": value(bids, 0.97, 1.02), "asks_value": value(asks, 0.98, 1.03), "c_im": held * 3 // 4, "c_mm": held * 4 // 5,
        }  # fmt: skip

    def expiry(self, account, place, days=None, window=False):
        mark = account["markets"][place]["mark"]
        days = days or self.random.choice([1, 3, 7, 14, 30, 60, 90, 180, 365])
        seconds = self.random.choice([0, 600, 1_500]) if window else int(days * DAY * self.random.uniform(0.8, 1.2))
        account["expiries"].append({
            "market": place, "forward": int(mark * self.random.uniform(0.97, 1.05)), "tau": seconds,
            "share": self.random.choice([ONE, *(self.share(0.05, 0.95) for _ in range(4))]) if window else 0,
            "mean": int(mark * self.random.uniform(0.97, 1.03)) if window else 0,
        })  # fmt: skip
        return len(account["expiries"]) - 1

    def option(self, account, expiry, kind=None, lots=None, moneyness=None, orders=False):
        mark = account["expiries"][expiry]["forward"]
        lots = self.lots() * (not orders or self.random.random() < 0.8) if lots is None else lots
        bids, asks = (self.random.randrange(0, 5_000) * orders for _ in range(2))
        account["options"].append({
            "expiry": expiry, "strike": int(mark * (moneyness or self.random.uniform(0.6, 1.6))), "kind": kind or self.random.choice("cp"),
            "sigma": self.share(0.3, 1.5), "lots": lots, "bids": bids, "asks": asks,
            "bids_value": int(bids * mark * self.random.uniform(0, 0.3)), "asks_value": int(asks * mark * self.random.uniform(0, 0.3)),
        })  # fmt: skip

    def account(self, kind):
        pick = self.random
        account = {"kind": kind, "cash": pick.randrange(0, 10**11), "markets": [], "expiries": [], "options": []}
        account["depeg_im"] = account["depeg_mm"] = 0
        account["groups"] = []
        many = "group" in kind or kind in ("markets", "mixed")
        for place in range(pick.randrange(2, 5) if many else 1):
            bare = kind in ("box", "put_spread", "spread", "long_only", "straddle")
            bare = bare or kind in ("expiries", "window", "option_orders") and pick.random() < 0.4
            orders = kind in ("orders", "group_orders", "orders_and_options_group")
            orders = orders or kind in ("mixed", "size", "option_orders") and pick.random() < 0.5
            collateral = kind == "hedged" or kind in ("mixed", "markets", "expiries") and pick.random() < 0.4
            account["markets"].append(self.market(place, 0 if bare else None, orders and not bare, collateral and not bare))
        for market in account["markets"]:
            if kind == "hedged":
                market["lots"] = -abs(market["lots"])
            if kind == "stale" or kind == "mixed" and pick.random() < 0.2:
                market["stale_range"], market["stale_for"] = self.share(0.1, 0.4), pick.choice([60, 500, 700, 5_000])
            if kind == "size" or kind == "mixed" and pick.random() < 0.3:
                market["size_im"], market["size_mm"] = pick.randrange(10**9, 10**10), pick.randrange(10**10, 2 * 10**10)
        if kind in ("size", "mixed"):
            account["depeg_im"], account["depeg_mm"] = self.share(0, 0.2), self.share(0, 0.2)
        if kind == "balanced_group":
            # Opposite positions of like scans, where the floor of the largest one decides.
            first = account["markets"][0]
            for place, market in enumerate(account["markets"][1:], 1):
                opposite = -first["lots"] * first["mark"] / market["mark"]
                market["lots"] = int(opposite * pick.uniform(0.7, 1.4)) if place == 1 else pick.choice([-2, 2])
                market["quote"] = -market["lots"] * market["mark"]
        if "group" in kind or kind == "mixed":
            everything = (1 << len(account["markets"])) - 1
            parts = [everything]
            if len(account["markets"]) > 2 and kind != "balanced_group":
                # All in one, the first in none, or two groups.
                parts = pick.choice([[everything], [everything & ~1], [0b0101, everything & ~0b0101]])
            for members in parts:
                lower, higher = sorted([self.share(0, 0.7), self.share(0, 0.7)])
                if kind == "balanced_group":
                    lower = higher = self.share(0.6, 0.7)
                account["groups"].append({"members": members, "credit_im": lower, "credit_mm": higher, "phi": self.share(0.5, 1)})
        self.options(account, kind)
        return account

    def options(self, account, kind):
        pick, size = self.random, abs(self.lots())
        if kind == "spread":
            expiry, side = self.expiry(account, 0), pick.choice("cp")
            near, far = (1.0, pick.uniform(1.05, 1.3)) if side == "c" else (1.0, pick.uniform(0.7, 0.95))
            self.option(account, expiry, side, size, near)
            self.option(account, expiry, side, -size, far)
        elif kind == "tail_group":
            # Naked wings beside a perp that loses with them.
            for place, market in enumerate(account["markets"]):
                side, size = pick.choice("cp"), abs(self.lots())
                market["lots"] = (size if side == "p" else -size) // pick.choice([2, 5, 20])
                market["range"] = self.share(0.14, 0.2)
                far = pick.uniform(1.3, 2) if side == "c" else pick.uniform(0.5, 0.8)
                self.option(account, self.expiry(account, place, 7), side, -size, far)
        elif kind == "orders_and_options_group":
            # One market has a long straddle that loses most where spot stands still, the others small perps with orders.
            account["groups"] = [dict(account["groups"][0], members=(1 << len(account["markets"])) - 1)]
            account["markets"][0] = self.market(0, 0)
            for market in account["markets"][1:]:
                for field in ("lots", "quote", "bids", "asks", "bids_value", "asks_value"):
                    market[field] = int(market[field] / 40)
            expiry = self.expiry(account, 0, pick.choice([7, 30]))
            for side in "cp":
                self.option(account, expiry, side, pick.randrange(10_000, 40_000), pick.uniform(0.95, 1.05))
        elif kind == "box":
            # Certain to pay the distance of the strikes, so that part of the value cannot be lost.
            expiry = self.expiry(account, 0, pick.choice([180, 365, 600]))
            for side, lots, at in (("c", size, 0.8), ("c", -size, 1.2), ("p", size, 1.2), ("p", -size, 0.8)):
                self.option(account, expiry, side, lots + pick.randrange(0, 3) * (lots > 0), at)
        elif kind == "put_spread":
            account["markets"][0]["range"] = self.share(0.14, 0.18)
            expiry = self.expiry(account, 0, pick.choice([1, 3, 7]))
            self.option(account, expiry, "p", -size, pick.uniform(0.8, 0.88))
            self.option(account, expiry, "p", size, pick.uniform(0.62, 0.7))
        elif kind == "reversal":
            # Far wings against each other and their delta hedged: what is left is skew, on two expiries for either sign.
            market, delta = account["markets"][0], 0.0
            market["range"] = self.share(0.14, 0.2)
            for days in (400, 600):
                expiry, lots, sigma = self.expiry(account, 0, days), pick.choice([-1, 1]) * size, self.share(0.3, 0.4)
                away = 2 * sigma / ONE * (account["expiries"][expiry]["tau"] / YEAR) ** 0.5
                for side, held, at in (("c", lots, numpy.exp(away)), ("p", -lots, numpy.exp(-away))):
                    self.option(account, expiry, side, held, at)
                    leg = account["options"][-1]
                    leg["sigma"] = sigma
                    delta += held * Unit(leg, account["expiries"][expiry], 0.2).delta
            market["lots"] = -int(delta / market["mark"])
            market["quote"] = -market["lots"] * market["mark"]
        elif kind == "long_only":
            for _ in range(pick.randrange(1, 5)):
                self.option(account, self.expiry(account, 0), None, abs(self.lots()))
        elif kind == "straddle":
            expiry, at = self.expiry(account, 0), pick.uniform(0.9, 1.1)
            self.option(account, expiry, "c", -size, at)
            self.option(account, expiry, "p", -size, at)
        elif kind == "covered":
            account["markets"][0]["lots"] = size
            self.option(account, self.expiry(account, 0), "c", -size, pick.uniform(1, 1.3))
        elif kind == "wild":
            account["markets"][0]["range"] = self.share(0.14, 0.6)
            for _ in range(pick.randrange(1, 4)):
                expiry = self.expiry(account, 0, pick.choice([0.1, 1, 29, 31, 600]))
                for _ in range(pick.randrange(1, 4)):
                    self.option(account, expiry, None, None, numpy.exp(pick.uniform(-2.3, 2.3)))
                    account["options"][-1]["sigma"] = self.share(0.051, 4.9)
        elif kind in ("window", "expiries", "option_orders", "group_options", "mixed"):
            places = range(len(account["markets"]))
            for place in places:
                for _ in range(pick.randrange(1, 4) if len(places) == 1 else pick.randrange(0, 2)):
                    expiry = self.expiry(account, place, window=kind == "window")
                    for _ in range(pick.randrange(1, 4)):
                        orders = kind == "option_orders" or kind == "mixed" and pick.random() < 0.2
                        self.option(account, expiry, orders=orders)


def build():
    maker = Maker(33)
    lines = ["# Made by tools/vectors/make.py from docs/margin.md; the fields are explained in tools/vectors/modules/scenario.py."]
    row = lambda letter, numbers: lines.append(",".join([letter, *map(str, numbers)]))
    for number in range(ROUNDS * len(KINDS)):
        account = maker.account(KINDS[number % len(KINDS)])
        row("P", [f"{account['kind']}_{number // len(KINDS)}", account["cash"], account["depeg_im"], account["depeg_mm"]])
        for letter, part in (("G", "groups"), ("M", "markets"), ("X", "expiries"), ("O", "options")):
            for entry in account[part]:
                row(letter, entry.values())
        lines.extend(evaluate(account))
    return "\n".join(lines) + "\n"
