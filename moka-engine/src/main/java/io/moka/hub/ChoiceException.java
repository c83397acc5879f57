package io.moka.hub;

import io.moka.HubException;
import java.util.List;

/** A repository holds several files that may be meant; the caller has to say which. */
public final class ChoiceException extends HubException {
  private static final long serialVersionUID = 1L;

  private final String question;
  private final transient List<Choice> choices;

  /**
   * One of the files, or of the files in parts.
   *
   * @param path in the repository, without the numbers of parts
   * @param size in words; empty when it is not known
   */
  public record Choice(String path, String size) {
    @Override
    public String toString() {
      return size.isEmpty() ? path : path + " (" + size + ")";
    }
  }

  ChoiceException(String question, List<Choice> choices) {
    super(question + "; there are " + list(choices));
    this.question = question;
    this.choices = List.copyOf(choices);
  }

  /**
   * The message without the list.
   *
   * @return what there is to choose, and how
   */
  public String question() {
    return question;
  }

  /**
   * What there is to choose from.
   *
   * @return all of it, by path
   */
  public List<Choice> choices() {
    return choices;
  }

  /** As many as a message can hold, in a row. */
  static String list(List<Choice> choices) {
    int most = 40;
    String shown = String.join(", ", choices.stream().limit(most).map(Choice::toString).toList());
    return choices.size() > most ? shown + " and " + (choices.size() - most) + " more" : shown;
  }
}
