//! Writes per second over time, as a picture.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{PathElement, Text};
use plotters::series::AreaSeries;
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, register_font};

/// What is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    /// What stands above it.
    pub(crate) title: String,
    /// When each row was acknowledged, in any order.
    pub(crate) acks: Vec<Duration>,
    /// The faults.
    pub(crate) marks: Vec<Mark>,
}

/// A fault on the time axis.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) name: &'static str,
    /// When it began.
    pub(crate) struck: Duration,
    /// When a server took writes again.
    pub(crate) accepted: Duration,
}

impl Mark {
    /// The same on a clock that starts at `zero`.
    fn since(&self, zero: Duration) -> Self {
        let [struck, accepted] = [self.struck, self.accepted].map(|at| at.saturating_sub(zero));
        Self { name: self.name, struck, accepted }
    }
}

impl Plot {
    /// Writes `name.svg` and `name.png` into `folder`, and says where they are.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> Result<[PathBuf; 2]> {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let font = dejavu::sans::regular();
        register_font("sans-serif", FontStyle::Normal, font)
            .map_err(|_| anyhow!("the font cannot be read"))?;
        let svg = folder.join(format!("{name}.svg"));
        self.draw(SVGBackend::new(&svg, SIZE))
            .with_context(|| format!("draw {}", svg.display()))?;
        let png = folder.join(format!("{name}.png"));
        self.draw(BitMapBackend::new(&png, SIZE))
            .with_context(|| format!("draw {}", png.display()))?;
        Ok([svg, png])
    }

    fn draw<B: DrawingBackend>(&self, backend: B) -> Result<()> {
        self.paint(backend).map_err(|error| anyhow!("{error}"))
    }

    fn paint<B: DrawingBackend>(&self, backend: B) -> Painted<B> {
        // Time counts from the first write: what came before is only the start of the servers.
        let zero = self.acks.iter().min().copied().unwrap_or_default();
        let rates = rates(self.acks.iter().map(|at| *at - zero));
        let width = rates.len() as f64 * BUCKET.as_secs_f64();
        let height = rates.iter().copied().fold(1.0, f64::max) * HEADROOM;
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 22).into_font().color(&INK))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..width, 0.0..height)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .label_style(("sans-serif", 15).into_font().color(&INK))
            .x_desc("seconds since the first write")
            .y_desc("acknowledged writes per second")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        let steps = steps(&rates);
        chart.draw_series(AreaSeries::new(steps, 0.0, BLUE.mix(0.25)).border_style(BLUE))?;
        for mark in &self.marks {
            draw_mark(&mut chart, &mark.since(zero), height)?;
        }
        area.present()
    }
}

type Painted<B> =
    Result<(), plotters::drawing::DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A line where the fault begins, one where writes are taken again, and its name.
fn draw_mark<B: DrawingBackend>(chart: &mut Chart<'_, B>, mark: &Mark, height: f64) -> Painted<B> {
    let lines = [(mark.struck, RED, 1.0), (mark.accepted, GREEN, 0.93)];
    for (at, colour, reach) in lines {
        let at = at.as_secs_f64();
        let style = ShapeStyle::from(&colour).stroke_width(2);
        let line = PathElement::new([(at, 0.0), (at, height * reach)], style);
        chart.draw_series([line])?;
    }
    let words = [
        (mark.struck, RED, 0.99, mark.name.to_owned()),
        (mark.accepted, GREEN, 0.92, {
            let after = mark.accepted.saturating_sub(mark.struck);
            format!("writable after {:.1} s", after.as_secs_f64())
        }),
    ];
    for (at, colour, level, words) in words {
        let font = ("sans-serif", 15).into_font().color(&colour);
        chart.draw_series([Text::new(
            format!(" {words}"),
            (at.as_secs_f64(), height * level),
            font,
        )])?;
    }
    Ok(())
}

/// Acknowledgements per second in each bucket from zero to the last one.
fn rates(acks: impl Iterator<Item = Duration>) -> Vec<f64> {
    let mut rates = vec![0.0];
    for at in acks {
        let bucket = (at.as_secs_f64() / BUCKET.as_secs_f64()) as usize;
        rates.resize(rates.len().max(bucket + 1), 0.0);
        rates[bucket] += 1.0 / BUCKET.as_secs_f64();
    }
    rates
}

/// The outline of the buckets: each is level from its beginning to its end.
fn steps(rates: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    rates.iter().enumerate().flat_map(|(index, rate)| {
        let from = index as f64 * BUCKET.as_secs_f64();
        [(from, *rate), (from + BUCKET.as_secs_f64(), *rate)]
    })
}

const BUCKET: Duration = Duration::from_millis(250);
const SIZE: (u32, u32) = (1280, 520);
/// Room above the highest rate, where the names of the faults stand.
const HEADROOM: f64 = 1.25;

const WHITE: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(40, 44, 52);
const AXIS: RGBColor = RGBColor(120, 124, 132);
const GRID: RGBColor = RGBColor(226, 228, 232);
const BLUE: RGBColor = RGBColor(31, 100, 180);
const RED: RGBColor = RGBColor(190, 40, 40);
const GREEN: RGBColor = RGBColor(20, 130, 70);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn acknowledgements_are_counted_by_the_quarter_of_a_second() {
        let rates_of = |moments: &[u64]| rates(moments.iter().copied().map(ms));
        assert_eq!(rates_of(&[600, 0, 249, 250]), [8.0, 4.0, 4.0]);
        assert_eq!(rates_of(&[]), [0.0]);
    }

    #[test]
    fn both_pictures_are_drawn_without_a_font_of_the_system() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("aya-demo-plot-{}", std::process::id()));
        let mark = Mark { name: "host-crash", struck: ms(700), accepted: ms(1_200) };
        let acks =
            (0..400).map(|index| ms(index * 5)).filter(|at| *at < ms(700) || *at > ms(1_200));
        let plot = Plot { title: "test".to_owned(), acks: acks.collect(), marks: vec![mark] };
        let [svg, png] = plot.save(&folder, "writes")?;
        let (svg, png) = (fs::read_to_string(svg)?, fs::read(png)?);
        fs::remove_dir_all(&folder)?;
        assert!(svg.contains("host-crash") && svg.contains("writable after 0.5 s"));
        assert_eq!(png[..4], *b"\x89PNG");
        Ok(())
    }
}
