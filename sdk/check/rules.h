/*
 * The rules for plugins, CCB-P-001 and on: what must hold, what comes of it
 * when it does not, who enforces it, and what to do. Numbers are never used
 * again. docs/plugins/policy.md is made of these rows (--rules prints them).
 *
 * "host": a plugin that breaks it is refused, or its answer is. "checker": only
 * this program looks. "nobody": a promise between people.
 */
#ifndef CCB_CHECK_RULES_H
#define CCB_CHECK_RULES_H

/* clang-format off */
/* number, enforced by, rule, consequence, what to do */
#define CCB_CHECK_RULES(X) \
X(1, "host", "The file is a whole ELF shared object of this machine", \
  "refused from the file (not_elf, machine)", \
  "build it as a shared object on this kind of machine and copy it whole") \
X(2, "host", "It carries one manifest note of at most 64 KiB", \
  "refused from the file (no_manifest)", \
  "state CCB_MANIFEST once, at file scope") \
X(3, "host", "The manifest is valid: format 1, id, version, claims, interfaces", \
  "refused from the file (bad_manifest)", \
  "correct the text of CCB_MANIFEST; ccbridge/lifecycle.h lists its members") \
X(4, "checker", "It exports its entry and no other symbol", \
  "two plugins may see each other's functions", \
  "hide all symbols and link with the SDK's version script") \
X(5, "checker", "It has no text relocations", \
  "hardened systems refuse to map it", \
  "compile all of it, libraries too, with -fPIC") \
X(6, "checker", "Its stack is not executable", \
  "the whole daemon's stacks become executable", \
  "link with -z noexecstack; hand-written assembly needs a .note.GNU-stack") \
X(7, "checker", "It has no GNU-unique symbols", \
  "a reloaded build uses the static data of the one before", \
  "compile C++ with -fno-gnu-unique") \
X(8, "checker", "It registers nothing for the end of the process (atexit, static destructors)", \
  "its code runs while the daemon ends, after its instances are gone", \
  "release in destroy; give C++ statics trivial destructors") \
X(9, "checker", "It imports no function that a pure function has no use for (processes, network, files, signals, clock, chance)", \
  "such calls are denied in a worker, and answers differ from call to call", \
  "take what you need from the request's facts") \
X(10, "host", "The dynamic linker takes it, every symbol bound at once", \
  "refused (load)", \
  "link with -Wl,-z,defs and install the libraries it needs") \
X(11, "checker", "It looks for libraries only in absolute places that others can't write", \
  "whoever may write there runs code in the daemon", \
  "link without -rpath") \
X(12, "checker", "It loads and creates an instance within 50 ms", \
  "start and reload of the daemon wait for it", \
  "do the work on the first call that needs it") \
X(13, "checker", "Loading it and creating an instance leave the process as it was", \
  "the daemon's other parts see the change", \
  "do nothing in constructors; keep state in the instance") \
X(14, "host", "The entry ccb_lifecycle_entry_v1 is data that begins with the frozen prefix: magic, major 1", \
  "refused (no_entry, bad_entry, abi_major)", \
  "define the entry with CCB_ENTRY_PREFIX and export it with CCB_EXPORT") \
X(15, "host", "abi_minor_required is at most the host's minor", \
  "refused (abi_minor)", \
  "state the lowest minor that is enough, or upgrade ccbridge") \
X(16, "host", "The entry's struct_size is its true size and no member is NULL", \
  "refused (bad_entry)", \
  "fill the entry with CCB_ENTRY_PREFIX and every member behind it") \
X(17, "host", "Id and version of the entry are the manifest's", \
  "refused (bad_entry); the version is compared by the checker only", \
  "define both once and use them in the manifest and in the entry") \
X(18, "host", "create gives an instance when there is no configuration", \
  "refused (create)", \
  "have defaults, and accept an empty slice") \
X(19, "checker", "Two instances live side by side", \
  "answers mix up while a reload swaps plugins", \
  "allocate the instance; keep nothing in statics") \
X(20, "checker", "destroy works on an instance that was never called", \
  "a refused reload crashes the daemon", \
  "let destroy take an instance in any state") \
X(21, "host", "get_interface offers what the manifest lists, and nothing more", \
  "refused (interface)", \
  "make the manifest's interfaces and get_interface say the same") \
X(22, "checker", "get_interface compares ids to the letter and gives NULL for all others", \
  "a later revision is called through the wrong table", \
  "compare with strcmp") \
X(23, "checker", "get_interface gives the same table each time", \
  "the host keeps the first one; others are never called", \
  "return the address of a static const table") \
X(24, "host", "Every table states its own size and has every function that is not optional", \
  "refused (interface)", \
  "begin the table with sizeof of its struct and fill every slot") \
X(25, "host", "The self-test passes, where one is offered", \
  "refused (selftest)", \
  "run the self-test in your own tests, too") \
X(26, "host", "The smallest request of each function is answered, or refused with words", \
  "refused (first_call)", \
  "check the message first, and state with fail what is missing") \
X(27, "host", "What is emitted on success is one JSON value", \
  "the request fails", \
  "write results with ccb_json_writer") \
X(28, "host", "Results pass the host's model: recipes, ports, root file systems", \
  "the request fails and nothing is sent to the back end", \
  "build recipes with the action builders of ccbridge/sdk.h") \
X(29, "host", "A function returns 0 or one of the eight codes of lifecycle.h", \
  "the request fails", \
  "return what emit, fail and need_facts gave") \
X(30, "checker", "A refusal says why: fail with a negative code and words, and never beside a success", \
  "people see a failure without a reason", \
  "call fail before returning a negative code") \
X(31, "checker", "The same request gets the same answer again", \
  "retries, goldens and caches are wrong", \
  "use no counters, clocks or random numbers") \
X(32, "checker", "Another instance gives the same answer", \
  "answers change with a reload", \
  "depend on nothing but request and configuration") \
X(33, "checker", "Another process, locale, time zone and directory give the same answer", \
  "answers differ between machines and workers", \
  "use no environment, locale or addresses; sort what you hash") \
X(34, "checker", "Broken messages are refused with words: cut short, empty, too deep", \
  "one bad request takes a worker down", \
  "parse with ccb_sdk_decode before anything else") \
X(35, "checker", "Messages of another shape are answered or refused with words", \
  "one bad request takes a worker down", \
  "check the type of every member you read") \
X(36, "checker", "A message of 1 MiB is answered or refused in time", \
  "the call is given up at its deadline", \
  "look at each member once") \
X(37, "checker", "Invalid UTF-8 never reaches a result", \
  "the back end refuses the whole recipe", \
  "write strings with ccb_json_writer, which replaces it") \
X(38, "checker", "When alloc gives NULL, the call fails with CCB_NO_MEMORY or answers the same", \
  "a crash, or a wrong recipe, when memory is short", \
  "check what alloc gives") \
X(39, "checker", "A result that meets emit's cap is a failure", \
  "a cut-off recipe is taken for a whole one", \
  "return what emit returned") \
X(40, "checker", "A cancelled call returns within 100 ms", \
  "a thread or a worker stays busy for nobody", \
  "ask cancelled in every long loop") \
X(41, "checker", "An unknown dialect is refused with CCB_UNSUPPORTED", \
  "a later back end gets recipes it does not understand", \
  "call ccb_sdk_speaks in build_recipe, build_lrp and build_task") \
X(42, "checker", "Members it does not know change nothing", \
  "the next Cloud Controller breaks it", \
  "read the members you know and leave the others") \
X(43, "checker", "It asks only for facts that exist, each of them once", \
  "the request fails", \
  "the names are in lifecycle.h, at need_facts") \
X(44, "checker", "Facts of another shape are refused with words or not needed", \
  "a mistake in a flag crashes a worker", \
  "check the facts as you check the message") \
X(45, "checker", "With \"concurrent\" in the manifest, parallel calls give the same answers", \
  "answers mix up under load", \
  "keep nothing in the instance that a call changes, or drop \"concurrent\"") \
X(46, "checker", "A call leaves the process as it was: descriptors, threads, environment, directory, umask, locale, signals", \
  "the daemon's other parts see the change, or it runs out", \
  "do none of this; a pure function has no need to") \
X(47, "checker", "It prints nothing", \
  "lines without a request id in the daemon's log", \
  "use the host's log") \
X(48, "checker", "10,000 calls leave no memory behind", \
  "the daemon or its worker grows until it is killed", \
  "use the host's alloc, which frees by itself") \
X(49, "host", "It leaves no process behind", \
  "denied in a worker; in the daemon it runs on for ever", \
  "start no processes") \
X(50, "host", "Every call returns within its deadline of 1 s", \
  "the call is given up; an isolated worker is killed", \
  "keep calls far below it: a recipe takes microseconds") \
X(51, "checker", "It writes nothing into its inputs", \
  "other plugins and the log see another message", \
  "copy before you change") \
X(52, "checker", "It reads no byte behind the slices it is given", \
  "a crash, or a neighbour's data in a recipe", \
  "slices have no NUL at their end: heed len") \
X(53, "checker", "Log lines have an action of printable ASCII, a level, and an object as data", \
  "the line is shown without its data", \
  "write data with ccb_sdk_log_begin") \
X(54, "checker", "Passwords of the message reach no failure's words, and no log line in a form that the host can't blot out", \
  "they are in the log of every operator", \
  "name the member, not its value") \
X(55, "host", "It works in a worker, where system calls are few", \
  "the denied call fails with EPERM", \
  "do without the call that is named") \
X(56, "host", "Loading never ends or stops the process", \
  "refused (crashed, timed_out)", \
  "do nothing in constructors") \
X(57, "nobody", "The id is a name under a domain of yours, and you keep it", \
  "two plugins of one id: one of them is refused", \
  "reverse the domain: org.example.jar") \
X(58, "nobody", "Every build you hand out has a version of its own", \
  "nobody can say which one runs", \
  "take it from your release") \
X(59, "nobody", "You state as required the minor you use, not the one you built with", \
  "old hosts refuse it without need", \
  "CCB_ENTRY_PREFIX(0) until you use something newer") \
X(60, "nobody", "A new version gives the same recipe for the same request, unless you say so", \
  "all apps of the lifecycle are restarted", \
  "keep goldens and note changes")
/* clang-format on */

#define CCB_CHECK_ENUM(number, by, rule, consequence, advice)                  \
    CCB_RULE_##number = (number),
enum { CCB_CHECK_RULES(CCB_CHECK_ENUM) };
#undef CCB_CHECK_ENUM

struct ccb_check_rule {
    int number;
    const char *enforced, *rule, *consequence, *advice;
};
/* NULL when there is none. */
const struct ccb_check_rule *ccb_check_find_rule(int number);

/* The table of docs/plugins/policy.md, as it stands there. */
void ccb_check_print_rules(void);

#endif
