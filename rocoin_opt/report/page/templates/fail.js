"use strict";
for (const panel of document.querySelectorAll("[data-model]")) {
  const model = JSON.parse(panel.dataset.model);
  const failed = model.groups.map((group) => group.seconds.map(() => false));
  // Probability of no answer once each replica should have answered; domains in `down` are known to be down or up.
  const outages = (k, lost, state) => {
    const { seconds, failure, domain } = model.groups[k], together = new Map();
    let alone = 1, isSure = false;
    return seconds.flatMap((time, i) => {
      if (lost[k][i]) return [];
      const d = domain[i], known = state.get(d);
      if (known === true) return [];
      const falls = d < 0 || known === false ? 0 : model.falls[d];
      isSure ||= failure[i] === 0 && falls === 0;
      if (d < 0 || known === false) alone *= failure[i];
      else together.set(d, (together.get(d) ?? 1) * failure[i]);
      let outage = alone;
      for (const [name, product] of together) outage *= model.falls[name] + (1 - model.falls[name]) * product;
      // A product too small for a double is not certainty.
      return [[time, outage > 0 || isSure ? outage : Number.MIN_VALUE]];
    });
  };
  const last = (steps, end) => steps.reduce((outage, [time, next]) => (time <= end ? next : outage), 1);
  // Domains over several groups, whose states are summed over.
  const tied = model.falls.flatMap((chance, d) =>
    chance > 0 && model.groups.filter((group) => group.domain.includes(d)).length > 1 ? [d] : []);
  const states = [...Array(2 ** tied.length).keys()].map((number) => {
    const state = new Map(tied.map((d, bit) => [d, Boolean(number >> bit & 1)]));
    let chance = 1;
    for (const [d, isDown] of state) chance *= isDown ? model.falls[d] : 1 - model.falls[d];
    return { state, chance };
  });
  // P(X <= t) and P(X > t) at every time at which a replica answers, the second with all its digits.
  const answers = (lost) => {
    const times = [...new Set(model.groups.flatMap(({ seconds }, k) => seconds.filter((_, i) => !lost[k][i])))];
    times.sort((one, other) => one - other);
    const by = times.map(() => 0), late = times.map(() => 0);
    for (const { state, chance } of states) {
      if (chance === 0) continue;
      const steps = model.groups.map((_, k) => outages(k, lost, state));
      const next = steps.map(() => 0), logs = steps.map(() => -Infinity);
      times.forEach((time, i) => {
        steps.forEach((own, k) => {
          while (next[k] < own.length && own[next[k]][0] <= time) logs[k] = Math.log1p(-own[next[k]++][1]);
        });
        const log = logs.reduce((sum, one) => sum + one, 0);
        by[i] += chance * Math.exp(log);
        late[i] -= chance * Math.expm1(log);
      });
    }
    return { times, by, late };
  };
  const figures = (lost) => {
    const groups = model.groups.map((_, k) => outages(k, lost, new Map()));
    const { times, by, late } = answers(lost);
    const inTime = model.inTime ?? Infinity;
    const met = groups.map((steps) => steps.find(([, outage]) => outage <= model.limit)?.[0] ?? null);
    const isWhole = groups.every((steps) => steps.length);
    const at = times.filter((time) => time <= inTime).length - 1;
    const found = {
      guaranteed: met.includes(null) ? null : Math.max(...met),
      nominal: isWhole ? Math.max(...groups.map((steps) => steps[0][0])) : null,
      worst: isWhole ? Math.max(...groups.map((steps) => steps.at(-1)[0])) : null,
      success: at < 0 ? 0 : by[at],
      failure: at < 0 ? 1 : late[at],
      missing: groups.reduce((sum, steps, k) => sum + model.groups[k].size * last(steps, inTime), 0)
        / model.groups.reduce((sum, group) => sum + group.size, 0),
    };
    if (model.deadline !== null) {
      const cuts = [0, ...times, model.deadline].map((time) => Math.min(time, model.deadline));
      found.expected = [1, ...late].reduce((sum, share, i) => sum + (cuts[i + 1] - cuts[i]) * share, 0);
    }
    if (model.late !== null) {
      found.quantile = times[late.findIndex((share, i) => share <= model.late && by[i] > 0)] ?? null;
    }
    return { found, groups, met };
  };

  // Half-way cases go to the even digit, as in the rest of the page.
  const even = (near, exact) =>
    /^\.?50*$/.test(exact.slice(near.length)) && Number(near.at(-1)) % 2 ? near.slice(0, -1) + (near.at(-1) - 1) : near;
  const fixed = (value, decimals) => even(value.toFixed(decimals), value.toFixed(99));
  const split = (value, digits) => {
    const [near, power] = value.toExponential(digits - 1).split("e");
    return [even(near, value.toExponential(99).split("e")[0]), power];
  };
  const general = (value, digits) => {
    if (value === 0 || !Number.isFinite(value)) return String(value);
    const [mantissa, power] = split(value, digits), exponent = Number(power);
    if (exponent >= -4 && exponent < digits) return String(Number(`${mantissa}e${power}`));
    return `${Number(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  };
  const prefixes = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]];
  const duration = (value) => {
    if (value === null) return "never";
    const rounded = Number(split(value, 4).join("e"));
    const [unit, length] = rounded === 0 ? prefixes[0] : prefixes.find(([, one]) => one <= rounded) ?? prefixes[3];
    const shown = value / length;
    return `${shown >= 1e4 && shown < 1e7 ? fixed(shown, 0) : general(shown, 4)} ${unit}`;
  };
  const shown = (key, value) =>
    key === "success" ? fixed(value, 4) : key === "failure" || key === "missing" ? general(value, 3) : duration(value);
  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const listed = (groups) => groups.length === 1 ? `group ${groups[0]}`
    : `groups ${groups.slice(0, -1).join(", ")} and ${groups.at(-1)}`;

  const switches = [...panel.querySelectorAll("[data-device]")];
  const gangs = [...panel.querySelectorAll("[data-domain]")];
  const places = switches.map((button) => [Number(button.dataset.group), Number(button.dataset.device)]);
  const inDomain = (d) => places.filter(([k, i]) => model.groups[k].domain[i] === d);
  const verdict = panel.querySelector("output"), reset = panel.querySelector(".reset");
  const show = () => {
    const { found, groups, met } = figures(failed);
    const count = failed.flat().filter(Boolean).length;
    switches.forEach((button, n) => {
      button.setAttribute("aria-pressed", String(failed[places[n][0]][places[n][1]]));
    });
    gangs.forEach((button, d) => {
      button.setAttribute("aria-pressed", String(inDomain(d).every(([k, i]) => failed[k][i])));
    });
    reset.disabled = count === 0;
    panel.querySelectorAll("[data-figure]").forEach((cell) => {
      const value = found[cell.dataset.figure];
      const planned = cell.dataset.planned === "" ? null : Number(cell.dataset.planned);
      const isSame = value === planned || (value !== null && planned !== null
        && Math.abs(value - planned) <= 1e-9 * Math.abs(planned));
      cell.textContent = isSame ? cell.previousElementSibling.textContent : shown(cell.dataset.figure, value);
      cell.dataset.value = value === null ? "" : String(value);
      cell.classList.toggle("changed", !isSame);
    });
    panel.querySelectorAll("[data-state]").forEach((line, k) => {
      const steps = groups[k], outage = steps.length ? steps.at(-1)[1] : 1;
      line.textContent = !steps.length ? "no device left: this group cannot answer"
        : `first answer at ${duration(steps[0][0])}, outage ${general(outage, 3)}${
          met[k] === null ? `, above the limit of ${model.limitText}` : ""}`;
      line.classList.toggle("bad", met[k] === null);
    });
    const dead = groups.flatMap((steps, k) => (steps.length ? [] : [k]));
    const loose = groups.flatMap((steps, k) => (steps.length && met[k] === null ? [k] : []));
    const parts = [];
    if (dead.length) parts.push(`${listed(dead)} cannot answer, so the whole answer never comes`);
    if (loose.length) parts.push(`${listed(loose)} ${loose.length > 1 ? "exceed" : "exceeds"} the outage limit`);
    if (!parts.length) parts.push("every group keeps the outage limit");
    verdict.textContent = count
      ? `${counted(count, "device")} failed: ${parts.join("; ")}. Failure probability ${
        shown("failure", found.failure)}, guaranteed latency ${duration(found.guaranteed)}.`
      : "No device has failed: these are the plan's own figures.";
  };
  switches.forEach((button, n) => button.addEventListener("click", () => {
    const [k, i] = places[n];
    failed[k][i] = !failed[k][i];
    show();
  }));
  gangs.forEach((button, d) => button.addEventListener("click", () => {
    const own = inDomain(d), target = !own.every(([k, i]) => failed[k][i]);
    for (const [k, i] of own) failed[k][i] = target;
    show();
  }));
  reset.addEventListener("click", () => {
    failed.forEach((group) => group.fill(false));
    show();
    switches[0].focus();
  });
  panel.hidden = false;
  show();
}
