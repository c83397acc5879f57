package io.moka.text.template;

import io.moka.text.template.Statement.Target;
import io.moka.text.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Reads a whole template into its tree. */
final class StatementParser {
  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private int loops;

  private StatementParser(TokenStream tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  /** Reads a template; wrong ones end in a {@link io.moka.ModelException} that names the line. */
  static List<Statement> parse(String source) {
    TokenStream tokens = new TokenStream(TemplateScanner.scan(source));
    List<Statement> body = new StatementParser(tokens).statements("the template", Set.of());
    tokens.checkUnknown();
    return body;
  }

  /** Reads statements up to a tag with one of the names, and leaves that name as the next token. */
  private List<Statement> statements(String opener, Set<String> ends) {
    tokens.enter();
    List<Statement> body = new ArrayList<>();
    while (true) {
      Token token = tokens.next();
      switch (token.kind()) {
        case DATA -> body.add(new Statement.Data(token.line(), token.text()));
        case PRINT_BEGIN -> {
          body.add(new Statement.Print(token.line(), expressions.tuple(true, "")));
          tokens.expect(Kind.PRINT_END, "'}}'");
        }
        case BLOCK_BEGIN -> {
          if (tokens.current().is(Kind.NAME) && ends.contains(tokens.current().text())) {
            tokens.leave();
            return body;
          }
          body.add(statement());
          tokens.expect(Kind.BLOCK_END, "'%}'");
        }
        default -> {
          if (!ends.isEmpty()) {
            throw tokens.failure(
                "'" + opener + "' is not closed; expected " + String.join(" or ", sorted(ends)));
          }
          tokens.leave();
          return body;
        }
      }
    }
  }

  private static List<String> sorted(Set<String> names) {
    return names.stream().sorted().toList();
  }

  /** A body behind the tag that opens it. */
  private List<Statement> body(String opener, String... ends) {
    tokens.skipOperator(":");
    tokens.expect(Kind.BLOCK_END, "'%}'");
    return statements(opener, Set.of(ends));
  }

  /** A body with its end tag's name. */
  private List<Statement> closedBody(String opener) {
    List<Statement> body = body(opener, "end" + opener);
    tokens.next();
    return body;
  }

  private Statement statement() {
    int line = tokens.line();
    String tag = tokens.expect(Kind.NAME, "the name of a tag").text();
    return switch (tag) {
      case "if" -> branches(line);
      case "for" -> loop(line);
      case "break" -> new Statement.Break(inLoop(tag, line));
      case "continue" -> new Statement.Continue(inLoop(tag, line));
      case "set" -> assignment(line);
      case "print" -> print(line);
      case "macro" -> macro(line);
      case "call" -> callBlock(line);
      case "filter" -> filterBlock(line);
      case "with" -> with(line);
      case "generation" ->
          new Statement.Scoped(line, List.of(), outsideLoops(() -> closedBody(tag)));
      case "block" -> block(line);
      default ->
          throw TemplateScanner.failure(
              line, "the tag '" + tag + "' is unknown or has no place here");
    };
  }

  /** {@code print a, b} writes its values one after the other. */
  private Statement print(int line) {
    List<Expression> values = new ArrayList<>();
    do {
      values.add(expressions.expression());
    } while (tokens.skipOperator(","));
    return new Statement.Print(line, new Expression.Concat(values));
  }

  private Statement branches(int line) {
    int mark = tokens.unknownMark();
    List<Statement.Branch> branches = new ArrayList<>();
    String tag = "if";
    while (!tag.equals("endif")) {
      if (tag.equals("else")) {
        List<Statement> body = body("else", "endif");
        branches.add(new Statement.Branch(new Expression.Literal(Value.TRUE), body));
      } else {
        Expression test = expressions.tuple(false, "");
        branches.add(new Statement.Branch(test, body(tag, "elif", "else", "endif")));
      }
      tag = tokens.next().text();
    }
    tokens.forgiveUnknown(mark);
    return new Statement.If(line, branches);
  }

  private Statement loop(int line) {
    Target target = target(false);
    if (!tokens.skipName("in")) {
      throw tokens.unexpected("'in'");
    }
    Expression items = expressions.tuple(false, "recursive");
    Optional<Expression> test =
        tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
    boolean recursive = tokens.skipName("recursive");
    loops++;
    List<Statement> body = body("for", "endfor", "else");
    loops--;
    List<Statement> otherwise = List.of();
    if (tokens.next().text().equals("else")) {
      otherwise = body("else", "endfor");
      tokens.next();
    }
    return new Statement.For(line, target, items, test, recursive, body, otherwise);
  }

  private int inLoop(String tag, int line) {
    if (loops == 0) {
      throw TemplateScanner.failure(line, "'" + tag + "' stands outside a loop");
    }
    return line;
  }

  /** Reads what runs as a function of its own, from which no surrounding loop can be left. */
  private <T> T outsideLoops(Supplier<T> reading) {
    int before = loops;
    loops = 0;
    T read = reading.get();
    loops = before;
    return read;
  }

  private Statement assignment(int line) {
    Target target = target(true);
    if (tokens.skipOperator("=")) {
      return new Statement.Set(line, target, expressions.tuple(true, ""));
    }
    List<Statement.FilterCall> filters = expressions.filterCalls();
    return new Statement.SetBlock(line, target, filters, closedBody("set"));
  }

  private Target target(boolean attributes) {
    List<Target> targets = new ArrayList<>();
    boolean comma = false;
    do {
      if (tokens.current().is(Kind.NAME) && !tokens.current().isName("in")
          || tokens.current().isOperator("(")) {
        targets.add(singleTarget(attributes));
      } else if (comma && (tokens.current().isName("in") || tokens.current().isOperator(")"))) {
        break;
      } else {
        throw tokens.unexpected("a name to assign to");
      }
      comma |= tokens.current().isOperator(",");
    } while (tokens.skipOperator(","));
    return targets.size() == 1 && !comma ? targets.getFirst() : new Target.Unpacked(targets);
  }

  private Target singleTarget(boolean attributes) {
    if (tokens.skipOperator("(")) {
      tokens.enter();
      Target inner = target(attributes);
      tokens.leave();
      tokens.expectOperator(")");
      return inner;
    }
    String name = tokens.expectName();
    if (attributes && tokens.skipOperator(".")) {
      return new Target.NamespaceAttribute(name, tokens.expectName());
    }
    if (Set.of("true", "True", "false", "False", "none", "None").contains(name)) {
      throw tokens.failure("'" + name + "' cannot be assigned to");
    }
    return new Target.Variable(name);
  }

  /** Parameters as they are written; what the body asks for is not known yet. */
  private record Parameters(List<String> names, List<Expression> defaults) {}

  private Parameters parameters() {
    List<String> names = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (!names.isEmpty()) {
        tokens.expectOperator(",");
      }
      names.add(tokens.expectName());
      if (tokens.skipOperator("=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.failure("a parameter without a default follows one that has one");
      }
    }
    return new Parameters(names, defaults);
  }

  /** A body that runs as a function, with what it asks for beyond its parameters. */
  private record FunctionBody(Statement.Signature signature, List<Statement> body) {}

  private FunctionBody functionBody(String tag, Parameters parameters) {
    Set<String> read = expressions.specialNamesRead();
    Set<String> before = Set.copyOf(read);
    read.clear();
    List<Statement> body = outsideLoops(() -> closedBody(tag));
    Statement.Signature signature =
        new Statement.Signature(
            parameters.names(),
            parameters.defaults(),
            read.contains("varargs"),
            read.contains("kwargs"),
            read.contains("caller"));
    read.addAll(before);
    return new FunctionBody(signature, body);
  }

  private Statement macro(int line) {
    String name = tokens.expectName();
    FunctionBody function = functionBody("macro", parameters());
    return new Statement.Macro(line, name, function.signature(), function.body());
  }

  private Statement callBlock(int line) {
    Parameters parameters =
        tokens.current().isOperator("(") ? parameters() : new Parameters(List.of(), List.of());
    if (!(expressions.expression() instanceof Expression.Call call)) {
      throw TemplateScanner.failure(line, "'call' needs the call of a macro");
    }
    FunctionBody function = functionBody("call", parameters);
    return new Statement.CallBlock(line, function.signature(), call, function.body());
  }

  private Statement filterBlock(int line) {
    List<Statement.FilterCall> filters = new ArrayList<>(List.of(expressions.namedFilter()));
    filters.addAll(expressions.filterCalls());
    return new Statement.FilterBlock(line, filters, closedBody("filter"));
  }

  private Statement with(int line) {
    List<Statement.Binding> bindings = new ArrayList<>();
    while (!tokens.current().is(Kind.BLOCK_END) && !tokens.current().isOperator(":")) {
      if (!bindings.isEmpty()) {
        tokens.expectOperator(",");
      }
      Target target = new Target.Variable(tokens.expectName());
      tokens.expectOperator("=");
      bindings.add(new Statement.Binding(target, expressions.expression()));
    }
    return new Statement.Scoped(line, bindings, closedBody("with"));
  }

  /** A block that no other template can replace: its body, where it stands. */
  private Statement block(int line) {
    String name = tokens.expectName();
    tokens.skipName("scoped");
    List<Statement> body = outsideLoops(() -> closedBody("block"));
    tokens.skipName(name);
    return new Statement.Scoped(line, List.of(), body);
  }
}
