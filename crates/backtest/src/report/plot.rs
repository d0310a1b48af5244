//! Plots as SVG files: coverage by year, a crash, and the frontier of mean requirement against coverage.

use anyhow::Result;
use plotters::prelude::*;

use crate::benchmark::Benchmark;
use crate::calendar::{self, midnight};
use crate::calibrate::maintenance_share;
use crate::coverage::Measure;
use crate::portfolio::{pairs, Linear};
use crate::rates::{along, Setting};
use crate::study::{find, is_hourly, Market, Study};
use plimsoll_risk::Ratio;

/// A drawing and the name of its file.
pub struct Plot {
    /// File name without directory.
    pub file: &'static str,
    /// SVG text.
    pub svg: String,
}

const SIZE: (u32, u32) = (1_000, 480);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const PALE: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);
const BLUE: RGBColor = RGBColor(0x1f, 0x5f, 0xb4);
const RED: RGBColor = RGBColor(0xc4, 0x3b, 0x2f);
const GREEN: RGBColor = RGBColor(0x2f, 0x8f, 0x5b);
const AMBER: RGBColor = RGBColor(0xb9, 0x78, 0x0e);
const VIOLET: RGBColor = RGBColor(0x7a, 0x4f, 0xb5);
const GREY: RGBColor = RGBColor(0x7c, 0x86, 0x92);

/// All plots. Errors: the drawing library's, or a missing series.
pub fn plots(study: &Study) -> Result<Vec<Plot>> {
    let crash = |file, id, title, from, hours| -> Result<Plot> {
        Ok(Plot { file, svg: draw(|area| crash(area, find(&study.markets, id)?, title, from, hours))? })
    };
    Ok(vec![
        Plot { file: "backtest-years.svg", svg: draw(|area| years(area, study))? },
        crash("backtest-crash-2020-03.svg", "BTC 1h", "BTC, 11 to 14 March 2020", midnight(2020, 3, 11) + 43_200, 72)?,
        crash("backtest-crash-2025-10.svg", "SOL 1h", "SOL, 10 to 12 October 2025", midnight(2025, 10, 10), 60)?,
        Plot { file: "backtest-frontier.svg", svg: draw(|area| frontier(area, study))? },
    ])
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(paint: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    paint(&area)?;
    area.present()?;
    drop(area);
    Ok(text)
}

fn style(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// One series of a line chart.
struct Line {
    name: String,
    colour: RGBColor,
    width: u32,
    points: Vec<(f64, f64)>,
}

/// What the axes of a chart say.
struct Axes<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
    x_range: std::ops::Range<f64>,
    y_range: std::ops::Range<f64>,
    x_text: &'a dyn Fn(&f64) -> String,
    y_text: &'a dyn Fn(&f64) -> String,
    x_ticks: usize,
}

type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>>;

fn chart<'a, 'b>(area: &'a Area<'b>, axes: &Axes<'_>) -> Result<Chart<'a, 'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).margin_right(44).caption(axes.title, style(20)).x_label_area_size(46).y_label_area_size(74);
    let mut chart = builder.build_cartesian_2d(axes.x_range.clone(), axes.y_range.clone())?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).bold_line_style(PALE).axis_style(INK).label_style(style(14)).axis_desc_style(style(15));
    mesh.x_labels(axes.x_ticks).y_labels(8).x_desc(axes.x).y_desc(axes.y).x_label_formatter(&axes.x_text).y_label_formatter(&axes.y_text);
    mesh.draw()?;
    Ok(chart)
}

fn lines<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>, lines: &[Line], position: SeriesLabelPosition) -> Result<()> {
    for line in lines {
        let stroke = line.colour.stroke_width(line.width);
        let key = move |(x, y): (i32, i32)| PathElement::new(vec![(x, y), (x + 18, y)], stroke);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), stroke))?.label(&line.name).legend(key);
    }
    chart.configure_series_labels().position(position).background_style(WHITE.mix(0.9)).border_style(PALE).label_font(style(14)).draw()?;
    Ok(())
}

/// Coverage of long and short in every year and market, within the bar.
fn years(area: &Area<'_>, study: &Study) -> Result<()> {
    let rows: Vec<_> = study
        .engine_rows()
        .filter(|row| {
            row.measure == Measure::Worst
                && row.series.contains('h')
                && (row.portfolio == Linear::Long.name() || row.portfolio == Linear::Short.name())
        })
        .collect();
    let axes = Axes {
        title: "Share of hours covered by maintenance margin, worst moment within the bar",
        x: "calendar year",
        y: "covered",
        x_range: 2019.5..2026.5,
        y_range: 0.9925..1.0004,
        x_text: &|x| format!("{x:.0}"),
        y_text: &|y| format!("{:.1} %", y * 100.0),
        x_ticks: 8,
    };
    let mut chart = chart(area, &axes)?;
    chart
        .draw_series([PathElement::new(vec![(2019.5, 0.995), (2026.5, 0.995)], RED.stroke_width(2))])?
        .label("goal, 99.5 %")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], RED.stroke_width(2)));
    let colours = [("BTC 1h", AMBER), ("ETH 1h", BLUE), ("SOL 1h", GREEN), ("BTC 2h", GREY), ("ETH 2h", VIOLET)];
    for (slot, (series, colour)) in colours.into_iter().enumerate() {
        for (side, name) in [Linear::Long.name(), Linear::Short.name()].into_iter().enumerate() {
            let shift = (slot as f64 * 2.0 + side as f64 - 4.5) * 0.075;
            let years = rows.iter().filter(|row| row.series == series && row.portfolio == name).flat_map(|row| &row.summary.years);
            let points =
                years.filter(|year| year.hours >= crate::coverage::FEWEST_HOURS).map(|year| (year.year as f64 + shift, year.coverage()));
            let fill = if side == 0 { colour.filled() } else { colour.stroke_width(2) };
            chart
                .draw_series(points.map(|point| Circle::new(point, 5, fill)))?
                .label(format!("{series} {name}"))
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, fill));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(PALE)
        .label_font(style(13))
        .draw()?;
    Ok(())
}

/// Requirement of a long and its hourly loss through a crash.
fn crash(area: &Area<'_>, market: &Market, title: &str, from: i64, hours: usize) -> Result<()> {
    let share = |ratio: Ratio| ratio.raw() as f64 / Ratio::ONE.raw() as f64;
    let at = |date: i64| (date - from) as f64 / 3_600.0;
    let inside: Vec<_> = pairs(market.series).filter(|(_, _, next)| (0.0..hours as f64).contains(&at(next.date))).collect();
    let mut series: [Vec<(f64, f64)>; 4] = Default::default();
    let mut losses = vec![];
    for (index, bar, next) in &inside {
        let Some(rates) = market.rates.get(*index) else { continue };
        let x = at(next.date);
        for (points, value) in series.iter_mut().zip([maintenance_share(rates)?, share(rates.core), share(rates.glided), 0.03]) {
            points.push((x, value));
        }
        let loss = |to: i64| (bar.close - to) as f64 / bar.close as f64;
        losses.push((x, loss(next.low).max(0.0), loss(next.close).max(0.0)));
    }
    let [in_force, core, glided, constant] = series;
    let top = in_force.iter().map(|point| point.1).chain(losses.iter().map(|loss| loss.1)).fold(0.05, f64::max) * 1.3;
    // Where the core leaves the picture the grid caps the requirement.
    let core = core.into_iter().map(|(x, y)| (x, y.min(top))).collect();
    let title = format!("{title}: maintenance margin of a long against its loss in the hour");
    let axes = Axes {
        title: &title,
        x: "UTC",
        y: "share of notional",
        x_range: 0.0..hours as f64,
        y_range: 0.0..top,
        x_text: &|x| calendar::stamp(from + (x * 3_600.0).round() as i64).chars().skip(5).collect(),
        y_text: &|y| format!("{:.0} %", y * 100.0),
        x_ticks: 7,
    };
    let mut chart = chart(area, &axes)?;
    let bars = |pick: fn(&(f64, f64, f64)) -> f64, colour: RGBColor, width: f64| {
        losses
            .iter()
            .map(move |loss| Rectangle::new([(loss.0 + 0.5 - width, 0.0), (loss.0 + 0.5 + width, pick(loss))], colour.filled()))
            .collect::<Vec<_>>()
    };
    chart
        .draw_series(bars(|loss| loss.1, RGBColor(0xe9, 0xb3, 0xad), 0.38))?
        .label("loss, worst in the hour")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], RGBColor(0xe9, 0xb3, 0xad).filled()));
    chart
        .draw_series(bars(|loss| loss.2, RED, 0.2))?
        .label("loss, close to close")
        .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], RED.filled()));
    let line = |name: &str, colour, width, points: Vec<(f64, f64)>| Line { name: name.into(), colour, width, points: stairs(&points) };
    let drawn = [
        line("static 3 %", GREY, 2, constant),
        line("buffer (glided)", GREEN, 2, glided),
        line("core", AMBER, 2, core),
        line("maintenance margin", BLUE, 4, in_force),
    ];
    lines(&mut chart, &drawn, SeriesLabelPosition::UpperRight)
}

/// Each value holds for the hour that starts with it.
fn stairs(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().flat_map(|&(x, y)| [(x, y), (x + 1.0, y)]).collect()
}

/// Exceptions against mean requirement, pooled over the hourly markets, long and short, close to close.
fn frontier(area: &Area<'_>, study: &Study) -> Result<()> {
    let markets: Vec<&Market> = study.markets.iter().filter(|market| is_hourly(market.series)).collect();
    let model = |setting: &Setting| -> Result<(f64, f64)> {
        pooled(&markets, |market| along(&market.tape, setting)?.iter().map(maintenance_share).collect())
    };
    let family = |tier: Ratio| -> Result<Vec<(f64, f64)>> {
        let setting = |core: i64| Setting { tier, ..Setting::MAJOR }.with_multiples(Ratio::of(core * 11, 800), Ratio::of(core, 100));
        (0..12).map(|step| model(&setting(150 + 50 * step))).collect()
    };
    let benchmark = |benchmark: Benchmark| pooled(&markets, |market| Ok(benchmark.rates(market.series)));
    let constant: Vec<_> = (0..=22).map(|step| benchmark(Benchmark::Static(0.015 + 0.005 * f64::from(step)))).collect::<Result<_>>()?;
    let ewma: Vec<_> = (0..=14).map(|step| benchmark(Benchmark::Ewma(1.5 + 0.5 * f64::from(step)))).collect::<Result<_>>()?;
    let log = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        let visible = points.into_iter().filter(|(mean, missed)| *missed > 5e-5 && *missed < 0.03 && *mean < 0.125);
        visible.map(|(mean, missed)| (mean, missed.log10())).collect()
    };
    let axes = Axes {
        title: "Hours missed against the mean requirement: hourly BTC, ETH and SOL, long and short, close to close",
        x: "mean maintenance margin, share of notional",
        y: "hours missed",
        x_range: 0.01..0.125,
        y_range: -4.4..-1.6,
        x_text: &|x| format!("{:.0} %", x * 100.0),
        y_text: &|y| if (y - y.round()).abs() < 1e-9 { format!("{} %", 10_f64.powf(*y) * 100.0) } else { String::new() },
        x_ticks: 12,
    };
    let mut chart = chart(area, &axes)?;
    chart
        .draw_series([PathElement::new(vec![(0.01, 0.005_f64.log10()), (0.125, 0.005_f64.log10())], RED.stroke_width(1))])?
        .label("0.5 %")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], RED.stroke_width(1)));
    let line = |name: &str, colour, width, points| Line { name: name.into(), colour, width, points: log(points) };
    let drawn = [
        line("the same constant everywhere", GREY, 3, constant),
        line("RiskMetrics, 1.5σ and up", AMBER, 3, ewma),
        line("Plimsoll without tier, core 1.5σ and up", GREEN, 3, family(Ratio::ZERO)?),
        line("Plimsoll with tier 5 %, core 1.5σ and up", BLUE, 3, family(Setting::MAJOR.tier)?),
    ];
    let point = log(vec![model(&Setting::MAJOR)?]);
    chart
        .draw_series(point.into_iter().map(|point| Circle::new(point, 7, BLUE.filled())))?
        .label("Plimsoll, defaults")
        .legend(|(x, y)| Circle::new((x + 9, y), 6, BLUE.filled()));
    lines(&mut chart, &drawn, SeriesLabelPosition::UpperRight)
}

/// Mean requirement (mean over markets) and share of long and short hours missed, of a rate by bar.
fn pooled(markets: &[&Market], rates: impl Fn(&Market) -> Result<Vec<f64>>) -> Result<(f64, f64)> {
    let (mut mean, mut missed, mut hours) = (0.0, 0_u64, 0_u64);
    for market in markets {
        let rates = rates(market)?;
        let (mut sum, mut count) = (0.0, 0_u64);
        for (index, bar, next) in pairs(market.series) {
            let rate = rates.get(index).copied().unwrap_or(f64::NAN);
            let change = (next.close - bar.close) as f64 / bar.close as f64;
            missed += u64::from(change.abs() > rate);
            (sum, count) = (sum + rate, count + 1);
        }
        mean += sum / count.max(1) as f64 / markets.len() as f64;
        hours += 2 * count;
    }
    Ok((mean, missed as f64 / hours.max(1) as f64))
}
