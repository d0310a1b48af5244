//! Dates of the proleptic Gregorian calendar, UTC, from and to Unix seconds.

const DAY: i64 = 86_400;

/// Unix seconds of midnight of a date.
pub fn midnight(year: i64, month: i64, day: i64) -> i64 {
    // Years start in March, so that the leap day is the last of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) * DAY
}

/// Year, month and day of a moment.
pub fn date(unix: i64) -> (i64, i64, i64) {
    let days = unix.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Calendar year of a moment.
pub fn year(unix: i64) -> i64 {
    date(unix).0
}

/// `2020-03-12 10:00`.
pub fn stamp(unix: i64) -> String {
    let (year, month, day) = date(unix);
    let seconds = unix.rem_euclid(DAY);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", seconds / 3_600, seconds % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(midnight(1970, 1, 1), 0);
        assert_eq!(midnight(2020, 3, 12), 1_583_971_200);
        assert_eq!(stamp(1_760_130_000), "2025-10-10 21:00");
        for day in -40_000..40_000 {
            let (y, m, d) = date(day * DAY + 5);
            assert_eq!(midnight(y, m, d), day * DAY);
        }
    }
}
