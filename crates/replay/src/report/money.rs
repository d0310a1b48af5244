//! Numbers as people read them. Integer arithmetic only: what is printed is what is stored, rounded to nearest where it is cut.

use crate::path::MicroUsd;

/// A whole number with commas: `-1,234,567`.
pub fn thousands(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// USDC atoms as USDC to the nearest cent, without the unit: `1,234.57`.
pub fn usdc(atoms: i64) -> String {
    let cents = (i128::from(atoms).abs() + 5_000) / 10_000;
    let sign = if atoms < 0 && cents > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", thousands(cents / 100), cents % 100)
}

/// Atoms of a mint in whole tokens, every decimal shown: `1,234.567890`.
pub fn atoms_exact(atoms: i128, decimals: u8) -> String {
    let unit = 10_i128.pow(u32::from(decimals.min(18)));
    let sign = if atoms < 0 { "-" } else { "" };
    let (whole, rest) = (atoms.abs() / unit, atoms.abs() % unit);
    let places = usize::from(decimals.min(18));
    match places {
        0 => format!("{sign}{}", thousands(whole)),
        _ => format!("{sign}{}.{rest:0places$}", thousands(whole)),
    }
}

/// A price in dollars to the cent: `121,700.00`.
pub fn price(value: MicroUsd) -> String {
    usdc(value.0)
}

/// Part of a whole in percent with one decimal, to nearest: `12.3`; a dash when the whole is zero.
pub(super) fn percent(part: i128, whole: i128) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = (part * 2_000 / whole + if (part < 0) == (whole < 0) { 1 } else { -1 }) / 2;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", thousands(tenths.abs() / 10), tenths.abs() % 10)
}

/// Hundredths of a multiple: `12.5x`.
pub(super) fn leverage(hundredths: i64) -> String {
    format!("{}.{}x", hundredths / 100, hundredths % 100 / 10)
}

/// A day and time in UTC, `2025-10-10 21:20`; proleptic Gregorian calendar.
pub(super) fn utc(at: i64) -> String {
    let (days, seconds) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // Days since 0000-03-01, split into 400-year eras so that leap days fall at the end of each computed year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", seconds / 3_600, seconds % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded() {
        assert_eq!([thousands(0), thousands(999), thousands(-1_000), thousands(1_234_567)], ["0", "999", "-1,000", "1,234,567"]);
        assert_eq!([usdc(1_234_565_000), usdc(-4_999), usdc(-5_000), usdc(0)], ["1,234.57", "0.00", "-0.01", "0.00"]);
        assert_eq!([atoms_exact(-1_234_567_890, 6), atoms_exact(7, 9), atoms_exact(7, 0)], ["-1,234.567890", "0.000000007", "7"]);
        assert_eq!([percent(-247, 1_000), percent(1, 3), percent(5, 0), percent(2, 3)], ["-24.7", "33.3", "-", "66.7"]);
        assert_eq!(leverage(1_250), "12.5x");
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(utc(1_760_131_200), "2025-10-10 21:20");
        assert_eq!([utc(0), utc(951_782_400), utc(-1)], ["1970-01-01 00:00", "2000-02-29 00:00", "1969-12-31 23:59"]);
    }
}
