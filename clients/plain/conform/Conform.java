import java.io.*;
import java.net.URI;
import java.nio.file.Path;
import java.util.*;
import java.util.regex.*;

/** The plain client in Java behind the conformance protocol (CONTRACT.md, "Test your client"). */
public class Conform {
    static class Work {
        final String claim; // as JSON
        final PlainBeats.Claim key;
        String cause;

        Work(String line) {
            key = new PlainBeats.Claim(Long.parseLong(field(line, "job_id")), field(line, "attempted_at"));
            claim = "\"job_id\": %d, \"attempt\": %s, \"attempted_at\": \"%s\"".formatted(key.jobId(), field(line, "attempt"), key.attemptedAt());
        }

        synchronized void cancel(String cause) {
            if (this.cause != null) return;
            this.cause = cause;
            say("\"event\": \"cancelled\", " + claim + ", \"cause\": \"" + cause + "\"");
        }
    }

    /** Of one flat JSON object; null where it is not there. */
    static String field(String line, String name) {
        Matcher found = Pattern.compile("\"" + name + "\": \"?([^\",}]*)").matcher(line);
        return found.find() ? found.group(1) : null;
    }

    static synchronized void say(String fields) {
        System.out.println("{" + fields + "}");
        System.out.flush();
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < arguments.length; i += 2) options.put(arguments[i], arguments[i + 1]);
        URI address = new URI(options.get("-database-url"));
        String url = "jdbc:postgresql://%s:%d%s?user=%s".formatted(address.getHost(), address.getPort(), address.getPath(), address.getUserInfo());
        int millis = (int) (1000 * Double.parseDouble(options.get("-interval").replace("s", "")));
        PlainBeats beats = new PlainBeats(url, options.get("-client-id"), millis, options.get("-river-schema"),
            options.get("-keeper-schema"), Path.of(System.getProperty("statements")));
        beats.start();
        Map<String, Deque<Work>> atWork = new HashMap<>(); // by job id, the oldest attempt first
        say("\"event\": \"ready\"");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            switch (field(line, "do")) {
                case "start" -> {
                    Work work = new Work(line);
                    atWork.computeIfAbsent(field(line, "job_id"), id -> new ArrayDeque<>()).add(work);
                    beats.jobs.put(work.key, work::cancel);
                    say("\"event\": \"begun\", " + work.claim);
                }
                case "finish" -> {
                    Work work = atWork.get(field(line, "job_id")).remove();
                    beats.jobs.remove(work.key);
                    say("\"event\": \"result\", " + work.claim + ", \"token\": null, \"held\": " + !"claim_lost".equals(work.cause));
                }
                case "stats" -> say("\"event\": \"stats\", \"stats\": {\"beats\": " + beats.beats + ", \"failures\": " + beats.failures + "}");
                default -> System.exit(0);
            }
        }
    }
}
