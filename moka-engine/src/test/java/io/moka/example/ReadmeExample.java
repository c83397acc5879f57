package io.moka.example;

import io.moka.ChatMessage;
import io.moka.GenerateOptions;
import io.moka.Moka;
import java.util.List;

public class ReadmeExample {
  public static void main(String[] args) {
    try (Moka moka = Moka.loadEmbedded()) {
      var messages = List.of(ChatMessage.user("Tell me a story about a fox."));
      moka.chat(messages, GenerateOptions.DEFAULT, (id, text) -> System.out.print(text));
    }
  }
}
