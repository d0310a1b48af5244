//! Plots as inline SVG, drawn by `plotters` and dressed for a page: colours are tokens that the page's style sheet maps to its light or
//! dark palette, so that one drawing serves both.

use anyhow::{anyhow, Result};
use plotters::{coord::Shift, prelude::*};

use super::html::escape;

/// Size of the drawing. It is shown at about half of this: the backend rounds to whole units, which would be visible otherwise.
const SIZE: (u32, u32) = (1_920, 720);
const TEXT: u32 = 30;

/// Colour tokens of text and frame, grid, and the series; `page.css` gives their real colours.
const INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
const GRID: RGBColor = RGBColor(0x20, 0x20, 0x20);
const SERIES: [RGBColor; 5] = [
    RGBColor(0x01, 0x00, 0x00),
    RGBColor(0x02, 0x00, 0x00),
    RGBColor(0x03, 0x00, 0x00),
    RGBColor(0x04, 0x00, 0x00),
    RGBColor(0x05, 0x00, 0x00),
];

fn colour(ink: usize) -> RGBColor {
    SERIES.get(ink % SERIES.len()).copied().unwrap_or(INK)
}

/// How values become marks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line through the values.
    Line,
    /// A vertical bar for each value that is not zero.
    Bars,
}

/// One series over time.
pub(super) struct Series {
    pub(super) name: String,
    /// Number of the colour and dash, from 0.
    pub(super) ink: usize,
    pub(super) shape: Shape,
    /// Whether the right axis measures it.
    pub(super) on_right: bool,
    pub(super) values: Vec<f64>,
}

/// What an axis measures.
pub(super) struct Axis {
    /// Quantity and unit.
    pub(super) label: String,
    /// Whether zero must be visible.
    pub(super) from_zero: bool,
}

/// Series over time with one or two value axes.
pub(super) struct TimePlot {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What to see, in a sentence: the caption, and the text of those who cannot see it.
    pub(super) caption: String,
    /// Hours after midnight UTC of the first day, one for each value.
    pub(super) hours: Vec<f64>,
    pub(super) left: Axis,
    pub(super) right: Option<Axis>,
    pub(super) series: Vec<Series>,
}

/// A mark of a scatter plot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Triangle,
    Cross,
}

/// A class of points.
pub(super) struct Points {
    pub(super) name: String,
    pub(super) ink: usize,
    pub(super) mark: Mark,
    pub(super) at: Vec<(f64, f64)>,
}

/// Scale of a scatter plot's axis.
pub(super) struct Scale {
    pub(super) label: String,
    pub(super) from: f64,
    pub(super) to: f64,
    /// Writes a value under a tick; an empty text leaves the tick out.
    pub(super) format: fn(f64) -> String,
}

/// Points in a plane, with an optional line of reference.
pub(super) struct Scatter {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) classes: Vec<Points>,
    pub(super) reference: Option<[(f64, f64); 2]>,
}

/// A number with at most four characters and a magnitude: `950`, `1.2k`, `36M`.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 999_950_000.0 => (value / 1e9, "G"),
        size if size >= 999_950.0 => (value / 1e6, "M"),
        size if size >= 999.95 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn clock(hours: &f64) -> String {
    let minutes = (hours * 60.0).round().rem_euclid(1_440.0);
    format!("{:02}:{:02}", (minutes / 60.0).floor(), minutes % 60.0)
}

/// The range of some values with a little room, never empty.
fn range<'a>(values: impl Iterator<Item = &'a f64>, from_zero: bool) -> std::ops::Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
    let (low, high) = if from_zero { (low.min(0.0), high.max(0.0)) } else { (low, high) };
    let room = if high > low { (high - low) * 0.05 } else { high.abs().max(1.0) * 0.1 };
    let bottom = if from_zero && low >= 0.0 { 0.0 } else { low - room };
    bottom..high + room
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Style<'a> = plotters::style::TextStyle<'a>;

fn label() -> Style<'static> {
    ("sans-serif", TEXT).into_font().color(&INK)
}

impl TimePlot {
    /// The figure as HTML.
    pub(super) fn render(&self) -> Result<String> {
        let drawing = draw(|canvas| self.draw(canvas))?;
        let legend: Vec<_> = self.series.iter().map(|one| (one.name.as_str(), line_key(one))).collect();
        Ok(figure(self.id, &self.title, &self.caption, &drawing, &legend))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<()> {
        let on = |right: bool| self.series.iter().filter(move |one| one.on_right == right).flat_map(|one| &one.values);
        let hours = match (self.hours.first(), self.hours.last()) {
            (Some(&first), Some(&last)) if first < last => first..last,
            (first, _) => first.copied().unwrap_or(0.0)..first.copied().unwrap_or(0.0) + 1.0,
        };
        // A bar is as wide as its share of the day, but never so narrow that it disappears.
        let half = (hours.end - hours.start) / 2.0 / f64::from(u16::try_from(self.hours.len()).unwrap_or(u16::MAX).clamp(1, 700));
        let left = range(on(false), self.left.from_zero);
        let right = self.right.as_ref().map(|axis| range(on(true), axis.from_zero)).unwrap_or(0.0..1.0);
        let mut builder = ChartBuilder::on(canvas);
        builder.margin(14).margin_right(if self.right.is_some() { 14 } else { 40 }).x_label_area_size(92).y_label_area_size(150);
        builder.right_y_label_area_size(if self.right.is_some() { 150 } else { 0 });
        let mut chart = builder.build_cartesian_2d(hours.clone(), left)?.set_secondary_coord(hours, right);
        frame(&mut chart, &self.left.label, &clock, &|value| short(*value), "time (UTC)")?;
        if let Some(axis) = &self.right {
            let mut secondary = chart.configure_secondary_axes();
            secondary.axis_style(INK.stroke_width(2)).label_style(label()).axis_desc_style(label());
            secondary.y_labels(6).y_desc(&axis.label).y_label_formatter(&|value| short(*value)).draw()?;
        }
        for one in &self.series {
            let points = self.hours.iter().copied().zip(one.values.iter().copied());
            let style = ShapeStyle { color: colour(one.ink).to_rgba(), filled: false, stroke_width: 4 };
            match (one.shape, one.on_right) {
                (Shape::Line, false) => chart.draw_series(LineSeries::new(points, style)).map(|_| ())?,
                (Shape::Line, true) => chart.draw_secondary_series(LineSeries::new(points, style)).map(|_| ())?,
                (Shape::Bars, _) => {
                    let bars = points.filter(|&(_, value)| value != 0.0);
                    let bar = |(at, value)| Rectangle::new([(at - half, 0.0), (at + half, value)], colour(one.ink).filled());
                    chart.draw_series(bars.map(bar)).map(|_| ())?
                }
            }
        }
        Ok(())
    }
}

impl Scatter {
    /// The figure as HTML.
    pub(super) fn render(&self) -> Result<String> {
        let drawing = draw(|canvas| self.draw(canvas))?;
        let legend: Vec<_> = self.classes.iter().map(|one| (one.name.as_str(), mark_key(one))).collect();
        Ok(figure(self.id, &self.title, &self.caption, &drawing, &legend))
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<()> {
        let mut builder = ChartBuilder::on(canvas);
        builder.margin(14).margin_right(40).x_label_area_size(92).y_label_area_size(150);
        let mut chart = builder.build_cartesian_2d(self.x.from..self.x.to, self.y.from..self.y.to)?.set_secondary_coord(0.0..1.0, 0.0..1.0);
        frame(&mut chart, &self.y.label, &|value| (self.x.format)(*value), &|value| (self.y.format)(*value), &self.x.label)?;
        if let Some(ends) = self.reference {
            let style = ShapeStyle { color: INK.to_rgba(), filled: false, stroke_width: 2 };
            chart.draw_series([PathElement::new(ends.to_vec(), style)])?;
        }
        for class in &self.classes {
            let filled = colour(class.ink).filled();
            let stroke = ShapeStyle { color: colour(class.ink).to_rgba(), filled: false, stroke_width: 3 };
            let at = class.at.iter().copied();
            match class.mark {
                Mark::Circle => chart.draw_series(at.map(|point| Circle::new(point, 6, filled))).map(|_| ())?,
                Mark::Triangle => chart.draw_series(at.map(|point| TriangleMarker::new(point, 10, filled))).map(|_| ())?,
                Mark::Cross => chart.draw_series(at.map(|point| Cross::new(point, 8, stroke))).map(|_| ())?,
            }
        }
        Ok(())
    }
}

type Chart<'a, 'b> = plotters::chart::DualCoordChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Axes, horizontal grid lines and the labels of the bottom and the left.
fn frame(chart: &mut Chart<'_, '_>, y_desc: &str, x: &dyn Fn(&f64) -> String, y: &dyn Fn(&f64) -> String, x_desc: &str) -> Result<()> {
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().max_light_lines(0).bold_line_style(GRID.stroke_width(2)).axis_style(INK.stroke_width(2));
    mesh.label_style(label()).axis_desc_style(label()).x_labels(13).y_labels(6);
    mesh.x_label_formatter(&x).y_label_formatter(&y).x_desc(x_desc).y_desc(y_desc).draw()?;
    Ok(())
}

/// Runs a drawing on a fresh canvas and gives the inside of its `svg` element.
fn draw(paint: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    let canvas = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    paint(&canvas)?;
    canvas.present()?;
    drop(canvas);
    let opening = text.find("<svg").and_then(|at| text.get(at..)?.find('>').map(|length| at + length + 1));
    let body = opening.and_then(|start| text.get(start..text.rfind("</svg>")?));
    Ok(body.ok_or_else(|| anyhow!("the plotting library gave no svg element"))?.trim().to_owned())
}

/// A drawing with its heading, caption and legend.
fn figure(id: &str, title: &str, caption: &str, drawing: &str, legend: &[(&str, String)]) -> String {
    let (title, caption, (width, height)) = (escape(title), escape(caption), SIZE);
    let keys: String = legend.iter().map(|(name, key)| format!("<li>{key}{}</li>", escape(name))).collect();
    format!(
        "<figure id=\"{id}\">\n<h3>{title}</h3>\n<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-text\"><title id=\"{id}-title\">{title}</title><desc id=\"{id}-text\">{caption}</desc>\n\
         {drawing}\n</svg>\n<ul class=\"legend\">{keys}</ul>\n<figcaption>{caption}</figcaption>\n</figure>\n"
    )
}

fn key(inside: &str) -> String {
    format!("<svg class=\"key\" viewBox=\"0 0 56 24\" aria-hidden=\"true\">{inside}</svg>")
}

fn hex(ink: usize) -> String {
    let RGBColor(red, green, blue) = colour(ink);
    format!("#{red:02X}{green:02X}{blue:02X}")
}

fn line_key(series: &Series) -> String {
    let ink = hex(series.ink);
    match series.shape {
        Shape::Line => key(&format!("<path d=\"M2 12H54\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"4\"/>")),
        Shape::Bars => key(&format!("<path d=\"M20 2H36V22H20Z\" fill=\"{ink}\"/>")),
    }
}

fn mark_key(points: &Points) -> String {
    let ink = hex(points.ink);
    key(&match points.mark {
        Mark::Circle => format!("<circle cx=\"28\" cy=\"12\" r=\"7\" fill=\"{ink}\"/>"),
        Mark::Triangle => format!("<path d=\"M28 2L38 20H18Z\" fill=\"{ink}\"/>"),
        Mark::Cross => format!("<path class=\"solid\" d=\"M20 4L36 20M36 4L20 20\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"3\"/>"),
    })
}
