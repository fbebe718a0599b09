//! `Call`: a program that a script of a shell calls by name. The script is read as far as its words
//! are plain; what only running it would show is passed over.

/// A program that is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// Its name or path, as it is written.
    pub(super) program: String,
    /// The file that an interpreter is given.
    pub(super) script: Option<String>,
    /// Whether the script has gone to another folder before.
    pub(super) is_elsewhere: bool,
}

/// Words after which a command begins.
const OPENERS: [&str; 9] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{",
];

/// Words that end something, and stand where a command could.
const CLOSERS: [&str; 4] = ["fi", "done", "esac", "}"];

/// Words of the shell that are followed by names, not by a command.
const HEADS: [&str; 4] = ["for", "select", "function", "case"];

/// Programs and words of the shell that call what comes after them.
const CARRIERS: [&str; 6] = ["exec", "command", "builtin", "time", "nohup", "env"];

/// What a shell does itself.
const BUILTINS: [&str; 34] = [
    ":", ".", "[", "[[", "((", "alias", "break", "cd", "continue", "declare", "echo", "eval",
    "exit", "export", "false", "let", "local", "printf", "pwd", "read", "readonly", "return",
    "set", "shift", "shopt", "source", "test", "trap", "true", "type", "ulimit", "umask", "unset",
    "wait",
];

/// Programs that run a file.
const INTERPRETERS: [&str; 11] = [
    "python", "python2", "python3", "pypy3", "bash", "sh", "zsh", "Rscript", "node", "julia",
    "perl",
];

/// A part of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word, and whether it means what it says: no variable, no pattern.
    Word { text: String, is_plain: bool },
    /// What ends a command.
    End(char),
    /// What the next word is a file of, not an argument.
    Redirection,
    /// Lines of input follow: they are no commands.
    HereDocument,
}

/// Returns what a script calls, in its order.
pub(super) fn calls(script: &str) -> Vec<Call> {
    let tokens = tokens(script);
    let functions = functions(&tokens);
    let mut found = Vec::new();
    let mut is_elsewhere = false;
    for command in commands(&tokens) {
        let Some((program, rest)) = called(&command) else {
            continue;
        };
        is_elsewhere |= program == "cd";
        if BUILTINS.contains(&program) || functions.contains(&program) {
            continue;
        }
        found.push(Call {
            program: program.to_owned(),
            script: script_of(program, rest),
            is_elsewhere,
        });
    }
    found
}

/// Cuts tokens into commands: the words of each, without those of redirections.
fn commands(tokens: &[Token]) -> Vec<Vec<&Token>> {
    let mut all = vec![Vec::new()];
    let mut is_file = false;
    for token in tokens {
        match token {
            Token::HereDocument => break,
            Token::End(_) => all.push(Vec::new()),
            Token::Redirection => is_file = true,
            Token::Word { .. } if std::mem::take(&mut is_file) => {}
            Token::Word { .. } => all.last_mut().expect("invariant: never empty").push(token),
        }
    }
    all
}

/// Returns the program that a command calls, and its arguments; `None` where it cannot be told.
fn called<'t>(command: &[&'t Token]) -> Option<(&'t str, Vec<&'t Token>)> {
    let mut words = command.iter();
    let mut is_carried = false;
    while let Some(Token::Word { text, is_plain }) = words.next() {
        let is_option = is_carried && text.starts_with('-');
        if is_assignment(text) || is_option || OPENERS.contains(&text.as_str()) {
            continue;
        }
        if !is_plain || CLOSERS.contains(&text.as_str()) || HEADS.contains(&text.as_str()) {
            return None;
        }
        if CARRIERS.contains(&text.as_str()) {
            is_carried = true;
            continue;
        }
        return Some((text, words.copied().collect()));
    }
    None
}

fn is_assignment(word: &str) -> bool {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        bytes.next().is_some_and(is_first)
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

/// Returns the file that an interpreter runs, if that is what it does.
fn script_of(program: &str, arguments: Vec<&Token>) -> Option<String> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_versioned = name.starts_with("python3.");
    if !is_versioned && !INTERPRETERS.contains(&name) {
        return None;
    }
    for argument in arguments {
        let Token::Word { text, is_plain } = argument else {
            return None;
        };
        if ["-c", "-m", "-e", "-"].contains(&text.as_str()) || !is_plain {
            return None;
        }
        if !text.starts_with('-') {
            return text.contains(['.', '/']).then(|| text.clone());
        }
    }
    None
}

/// Returns the names of functions: a word with `(` right behind it.
fn functions(tokens: &[Token]) -> Vec<&str> {
    let is_function = |pair: &[Token]| match pair {
        [Token::Word { text, .. }, Token::End('(')] => Some(text.clone()),
        _ => None,
    };
    let names: Vec<String> = tokens.windows(2).filter_map(is_function).collect();
    let words = tokens.iter().filter_map(|token| match token {
        Token::Word { text, .. } if names.contains(text) => Some(text.as_str()),
        _ => None,
    });
    words.collect()
}

/// Reads a script character by character.
struct Reader<'s> {
    rest: std::iter::Peekable<std::str::Chars<'s>>,
    tokens: Vec<Token>,
    /// The word that is being read.
    word: Option<String>,
    is_plain: bool,
}

fn tokens(script: &str) -> Vec<Token> {
    let mut reader = Reader {
        rest: script.chars().peekable(),
        tokens: Vec::new(),
        word: None,
        is_plain: true,
    };
    while let Some(character) = reader.rest.next() {
        reader.take(character);
    }
    reader.end_word();
    reader.tokens
}

impl Reader<'_> {
    fn take(&mut self, character: char) {
        match character {
            ' ' | '\t' | '\r' => self.end_word(),
            '\n' | ';' | '|' | '&' | '(' | ')' => self.end_command(character),
            '<' | '>' => self.redirect(character),
            '#' if self.word.is_none() => {
                while self.rest.next_if(|next| *next != '\n').is_some() {}
            }
            '\'' => self.quoted('\''),
            '"' => self.quoted('"'),
            '\\' => match self.rest.next() {
                Some('\n') | None => {}
                Some(next) => self.push(next),
            },
            '$' | '`' => self.substitution(character),
            '*' | '?' => {
                self.is_plain = false;
                self.push(character);
            }
            _ => self.push(character),
        }
    }

    fn push(&mut self, character: char) {
        self.word.get_or_insert_default().push(character);
    }

    fn end_word(&mut self) {
        let is_plain = std::mem::replace(&mut self.is_plain, true);
        if let Some(text) = self.word.take() {
            self.tokens.push(Token::Word { text, is_plain });
        }
    }

    fn end_command(&mut self, character: char) {
        // `&>` and `>&` lead output elsewhere, and end nothing.
        let after_redirection =
            self.word.is_none() && self.tokens.last() == Some(&Token::Redirection);
        if character == '&' && (after_redirection || self.rest.peek() == Some(&'>')) {
            return;
        }
        self.end_word();
        self.tokens.push(Token::End(character));
    }

    fn redirect(&mut self, character: char) {
        let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        if self.word.as_ref().is_some_and(is_number) {
            self.word = None;
        }
        self.end_word();
        let is_double = self.rest.next_if_eq(&character).is_some();
        let is_document = character == '<' && is_double;
        // `<<<` gives one word.
        let is_text = is_document && self.rest.next_if_eq(&'<').is_some();
        self.tokens.push(if is_document && !is_text {
            Token::HereDocument
        } else {
            Token::Redirection
        });
    }

    fn quoted(&mut self, quote: char) {
        self.word.get_or_insert_default();
        while let Some(character) = self.rest.next() {
            match character {
                _ if character == quote => return,
                '\\' if quote == '"' => {
                    if let Some(next) = self.rest.next() {
                        self.push(next);
                    }
                }
                '$' | '`' if quote == '"' => self.substitution(character),
                _ => self.push(character),
            }
        }
    }

    /// Passes over `$NAME`, `${…}`, `$(…)` and what stands between backticks.
    fn substitution(&mut self, character: char) {
        self.is_plain = false;
        self.push(character);
        let (open, close) = match (character, self.rest.peek()) {
            ('`', _) => ('`', '`'),
            (_, Some('(')) => ('(', ')'),
            (_, Some('{')) => ('{', '}'),
            _ => return,
        };
        let mut depth = usize::from(open == '`');
        for next in self.rest.by_ref() {
            if next == close {
                depth -= 1;
            } else if next == open {
                depth += 1;
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(script: &str) -> Vec<String> {
        calls(script).into_iter().map(|call| call.program).collect()
    }

    #[test]
    fn every_command_of_a_script_is_seen() {
        for (script, wanted) in [
            ("python train.py", &["python"][..]),
            ("A=1 B='x y' ./run.sh --lr 3", &["./run.sh"]),
            (
                "sort in | uniq -c > out && wc -l < out",
                &["sort", "uniq", "wc"],
            ),
            ("echo hi; cp a b & wait", &["cp"]),
            (
                "if test -e x; then mv x y; else touch y; fi",
                &["mv", "touch"],
            ),
            ("for i in 1 2; do gzip $i; done", &["gzip"]),
            ("exec env -i X=1 java -jar a.jar", &["java"]),
            ("cat <<EOF\nrm this\nEOF", &["cat"]),
            ("grep x <<<'a b' 2>/dev/null 2>&1", &["grep"]),
            ("build() { make all; }\nbuild", &["make"]),
            ("(cd sub && make) # and rm", &["make"]),
            ("\"my tool\" a\\ b; 'other'", &["my tool", "other"]),
            ("make \\\n  all", &["make"]),
        ] {
            assert_eq!(programs(script), wanted, "{script}");
        }
    }

    #[test]
    fn what_only_running_shows_is_passed_over() {
        for script in [
            "$PYTHON x.py",
            "${TOOL:-rm} x",
            "`which x` a",
            "*.sh",
            "cd sub",
            "echo $(rm x; rm y)",
            "",
            "# rm",
        ] {
            assert_eq!(programs(script), Vec::<String>::new(), "{script}");
        }
    }

    #[test]
    fn scripts_of_interpreters_are_files() {
        let script = |text: &str| calls(text).pop().and_then(|call| call.script);
        assert_eq!(
            script("python -u src/train.py a.b"),
            Some("src/train.py".to_owned())
        );
        assert_eq!(script("/usr/bin/python3.11 x.py"), Some("x.py".to_owned()));
        assert_eq!(script("python -m pkg.tool"), None);
        assert_eq!(script("bash -c 'x.sh'"), None);
        assert_eq!(script("python \"$SCRIPT.py\""), None);
        assert_eq!(script("sort x.txt"), None);
        assert!(calls("cd a && python x.py")[0].is_elsewhere);
    }
}
