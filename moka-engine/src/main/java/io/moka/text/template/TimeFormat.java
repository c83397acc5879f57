package io.moka.text.template;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** Dates and times in the format language of C's and Python's strftime, in English. */
final class TimeFormat {
  private TimeFormat() {}

  static String format(Clock clock, String format) {
    ZonedDateTime time = ZonedDateTime.now(clock);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 >= format.length()) {
        text.append(c);
        continue;
      }
      i++;
      boolean bare = format.charAt(i) == '-' && i + 1 < format.length();
      i += bare ? 1 : 0;
      String field = field(time, format.charAt(i));
      text.append(bare ? withoutPadding(field) : field);
    }
    return text.toString();
  }

  /** The minus sign before a letter drops leading zeros. */
  private static String withoutPadding(String field) {
    int digits = 0;
    while (digits < field.length() - 1
        && (field.charAt(digits) == '0' || field.charAt(digits) == ' ')) {
      digits++;
    }
    return field.substring(digits);
  }

  private static String field(ZonedDateTime time, char letter) {
    return switch (letter) {
      case 'Y' -> Integer.toString(time.getYear());
      case 'y' -> two(Math.floorMod(time.getYear(), 100));
      case 'C' -> two(time.getYear() / 100);
      case 'm' -> two(time.getMonthValue());
      case 'd' -> two(time.getDayOfMonth());
      case 'e' -> String.format(Locale.ROOT, "%2d", time.getDayOfMonth());
      case 'j' -> String.format(Locale.ROOT, "%03d", time.getDayOfYear());
      case 'H' -> two(time.getHour());
      case 'I' -> two((time.getHour() + 11) % 12 + 1);
      case 'k' -> String.format(Locale.ROOT, "%2d", time.getHour());
      case 'l' -> String.format(Locale.ROOT, "%2d", (time.getHour() + 11) % 12 + 1);
      case 'M' -> two(time.getMinute());
      case 'S' -> two(time.getSecond());
      case 'f' -> String.format(Locale.ROOT, "%06d", time.get(ChronoField.MICRO_OF_SECOND));
      case 'p' -> time.getHour() < 12 ? "AM" : "PM";
      case 'P' -> time.getHour() < 12 ? "am" : "pm";
      case 'a' -> pattern(time, "EEE");
      case 'A' -> pattern(time, "EEEE");
      case 'b', 'h' -> pattern(time, "MMM");
      case 'B' -> pattern(time, "MMMM");
      case 'u' -> Integer.toString(time.getDayOfWeek().getValue());
      case 'w' -> Integer.toString(time.getDayOfWeek().getValue() % 7);
      case 'U' -> two((time.getDayOfYear() + 6 - time.getDayOfWeek().getValue() % 7) / 7);
      case 'W' -> two((time.getDayOfYear() + 6 - (time.getDayOfWeek().getValue() + 6) % 7) / 7);
      case 'V' -> two(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case 'G' -> Integer.toString(time.get(IsoFields.WEEK_BASED_YEAR));
      case 's' -> Long.toString(time.toEpochSecond());
      case 'D', 'x' -> pattern(time, "MM/dd/yy");
      case 'F' -> pattern(time, "yyyy-MM-dd");
      case 'R' -> pattern(time, "HH:mm");
      case 'T', 'X' -> pattern(time, "HH:mm:ss");
      case 'r' -> field(time, 'I') + pattern(time, ":mm:ss ") + field(time, 'p');
      case 'c' -> pattern(time, "EEE MMM ") + field(time, 'e') + pattern(time, " HH:mm:ss yyyy");
      // Python's now() knows no zone, and so its names are empty.
      case 'z', 'Z' -> "";
      case 'n' -> "\n";
      case 't' -> "\t";
      case '%' -> "%";
      default -> "%" + letter;
    };
  }

  private static String two(int number) {
    return String.format(Locale.ROOT, "%02d", number);
  }

  private static String pattern(ZonedDateTime time, String pattern) {
    return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
  }
}
