package io.moka.text.template;

import io.moka.TemplateException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A chat template: Jinja2's language in the environment of Hugging Face transformers (a sandbox
 * whose values cannot be changed, trim_blocks and lstrip_blocks, loop controls, {@code
 * raise_exception}, {@code strftime_now}, {@code tojson} without escapes for HTML, {@code
 * generation} blocks). It has no way to Java. One template may be rendered by many threads at once.
 *
 * <p>Variables are plain Java values: {@link String}, {@link Boolean}, {@link Integer}, {@link
 * Long} and {@link java.math.BigInteger} for integers, {@link Double} and {@link
 * java.math.BigDecimal} for floating-point numbers (1 and 1.0 print differently), {@link List},
 * {@link Map} (its order is kept), and {@link #NONE} for none; an {@link Optional} stands for its
 * content, and null within lists and maps, as parsers of JSON leave it there, for none. A variable
 * that is not given is undefined, which templates tell from none.
 */
public final class ChatTemplate {
  /** Python's None. */
  public static final Optional<Object> NONE = Optional.empty();

  private final List<Statement> body;
  private final Clock clock;

  private ChatTemplate(List<Statement> body, Clock clock) {
    this.body = body;
    this.clock = clock;
  }

  /**
   * Reads a template; its {@code strftime_now} follows the computer's clock and zone.
   *
   * @param source the template's text; a newline at its very end is dropped
   * @return the template
   * @throws io.moka.ModelException if the syntax is wrong or not supported; the message names the
   *     line
   */
  public static ChatTemplate parse(String source) {
    return parse(source, Clock.systemDefaultZone());
  }

  /**
   * Reads a template.
   *
   * @param source the template's text; a newline at its very end is dropped
   * @param clock the time and zone of {@code strftime_now}
   * @return the template
   * @throws io.moka.ModelException if the syntax is wrong or not supported; the message names the
   *     line
   */
  public static ChatTemplate parse(String source, Clock clock) {
    return new ChatTemplate(StatementParser.parse(source), clock);
  }

  /**
   * Renders the template.
   *
   * @param variables the template's variables
   * @return the text
   * @throws TemplateException if the template calls {@code raise_exception} (the message is the
   *     template's), does what its values do not allow, or takes too many steps, too much depth or
   *     too much text
   */
  public String render(Map<String, ?> variables) {
    Environment environment = new Environment(new Budget(), clock);
    Scope globals = new Scope(Optional.empty());
    Globals.define(environment, globals);
    Scope given = globals.inner();
    variables.forEach((name, value) -> given.set(name, Inputs.value(value)));
    Interpreter interpreter = new Interpreter(environment);
    try {
      return interpreter.run(body, given.inner());
    } catch (EvaluationError error) {
      throw new TemplateException(
          "The chat template failed: line " + interpreter.line() + ": " + error.getMessage());
    }
  }
}
