package io.moka.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the constants of an enum in letters of any case, and lists them in small ones. */
final class EnumWords<E extends Enum<E>> implements ITypeConverter<E> {
  private final Class<E> type;

  private EnumWords(Class<E> type) {
    this.type = type;
  }

  /** For all options of a command and of its subcommands. */
  static void register(CommandLine line) {
    line.getSubcommands().values().stream()
        .flatMap(command -> command.getCommandSpec().options().stream())
        .map(option -> option.typeInfo().getType())
        .filter(Class::isEnum)
        .distinct()
        .forEach(type -> register(line, type.asSubclass(Enum.class)));
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // a class that is an enum is one of itself
  private static void register(CommandLine line, Class<? extends Enum> type) {
    line.registerConverter((Class) type, new EnumWords(type));
  }

  @Override
  public E convert(String word) {
    return Arrays.stream(type.getEnumConstants())
        .filter(constant -> constant.name().equalsIgnoreCase(word))
        .findFirst()
        .orElseThrow(() ->
            new TypeConversionException(
                "expected one of %s, but was \"%s\"".formatted(words(), word)));
  }

  private String words() {
    return Arrays.stream(type.getEnumConstants())
        .map(constant -> constant.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }
}
