/* The rows of rules.h, found by number and printed as a page's table. */
#include "rules.h"

#include <stddef.h>
#include <stdio.h>

static const struct ccb_check_rule rules[] = {
#define ROW(number, by, rule, consequence, advice)                             \
    {number, by, rule, consequence, advice},
    CCB_CHECK_RULES(ROW)
#undef ROW
};

#define COUNT (sizeof(rules) / sizeof(rules[0]))

const struct ccb_check_rule *ccb_check_find_rule(int number)
{
    for (size_t i = 0; i < COUNT; i++)
        if (rules[i].number == number)
            return &rules[i];
    return NULL;
}

void ccb_check_print_rules(void)
{
    puts("| rule | what holds | when it does not | enforced by | what to do |");
    puts("|---|---|---|---|---|");
    for (size_t i = 0; i < COUNT; i++)
        printf("| CCB-P-%03d | %s | %s | %s | %s |\n", rules[i].number,
               rules[i].rule, rules[i].consequence, rules[i].enforced,
               rules[i].advice);
}
