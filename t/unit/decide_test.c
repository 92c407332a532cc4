
/*
 * Lines of a policy and the decision: who may do what, and from where.
 *
 * sources: src/policy/ngx_leadgen_decide.c src/policy/ngx_leadgen_condition.c
 * sources: src/policy/ngx_leadgen_capture.c src/base/ngx_leadgen_text.c
 * sources: src/policy/ngx_leadgen_task.c
 * sources: src/policy/ngx_leadgen_rule.c src/policy/ngx_leadgen_permission.c
 * sources: src/policy/ngx_leadgen_roles.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"
#include <arpa/inet.h>


static ngx_pool_t      *pool;
static ngx_conf_file_t  file;
static ngx_conf_t       conf = { .conf_file = &file };

static ngx_str_t        segments[] = {
    ngx_string("7"), ngx_string("8"), ngx_string("07")
};


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) cf;
    (void) err;
    (void) fmt;
    unit_log_count++;
}

/* Roles of the database, in place of the zone's. */

static ngx_leadgen_grant_t  grants[2] = {
    { 0, 4, "boss" }, { 0, 6, "tester" }
};


const ngx_leadgen_grant_t *
ngx_leadgen_grant_all(ngx_uint_t *n)
{
    *n = 2;

    return grants;
}


const ngx_leadgen_grant_t *
ngx_leadgen_grant_find(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {
        if (name->len == grants[i].len
            && ngx_memcmp(name->data, grants[i].name, name->len) == 0)
        {
            return &grants[i];
        }
    }

    return NULL;
}


/* Stand-ins that know addresses of IPv4 alone, without a prefix. */

ngx_int_t
ngx_ptocidr(ngx_str_t *text, ngx_cidr_t *cidr)
{
    char  name[64];

    ngx_memcpy(name, text->data, text->len);
    name[text->len] = '\0';

    cidr->family = AF_INET;

    return inet_pton(AF_INET, name, &cidr->u.in.addr) == 1 ? NGX_OK
                                                           : NGX_ERROR;
}


ngx_int_t
ngx_cidr_match(struct sockaddr *sa, ngx_array_t *cidrs)
{
    ngx_uint_t           i;
    ngx_cidr_t          *cidr = cidrs->elts;
    struct sockaddr_in  *sin = (struct sockaddr_in *) sa;

    for (i = 0; i < cidrs->nelts; i++) {
        if (cidr[i].u.in.addr == sin->sin_addr.s_addr) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
no_action(const ngx_str_t *name)
{
    (void) name;

    return NGX_ERROR;
}


/* The rule of a line, whose words stand with one space between; or NULL. */

static const ngx_leadgen_rule_t *
rule_of(const char *line)
{
    ngx_str_t   words[16], rest;
    ngx_uint_t  n;

    rest.len = strlen(line);
    rest.data = ngx_pcalloc(pool, rest.len + 1);
    ngx_memcpy(rest.data, line, rest.len);

    for (n = 0; rest.data; n++) {
        words[n] = ngx_leadgen_rule_word(&rest, ' ');
        words[n].data[words[n].len] = '\0';
    }

    return ngx_leadgen_rule_parse(&conf, words, n, no_action);
}


static ngx_leadgen_problem_e
decide(const char *line, const ngx_leadgen_principal_t *who,
    const char *address)
{
    ngx_leadgen_match_t  match;
    struct sockaddr_in   client = { .sin_family = AF_INET };

    ngx_memzero(&match, sizeof(match));
    ngx_memcpy(match.params, segments, sizeof(segments));
    match.rule = rule_of(line);

    (void) inet_pton(AF_INET, address, &client.sin_addr);

    return ngx_leadgen_decide(&match, who, (struct sockaddr *) &client);
}


static ngx_leadgen_permissions_t
bit(const char *name)
{
    ngx_str_t  text;

    text.data = (u_char *) name;
    text.len = strlen(name);

    return ngx_leadgen_permission_bit(ngx_leadgen_permission_find(&text));
}


static void
test_decide(void)
{
    ngx_uint_t               i;
    ngx_leadgen_principal_t  who;

    static const struct {
        const char             *line;
        int64_t                 user_id;
        const char             *role;
        const char             *has[2];
        const char             *address;
        ngx_leadgen_problem_e   want;
    } rows[] = {
#define NONE       NGX_LEADGEN_PROBLEM_NONE
#define NOBODY     NGX_LEADGEN_PROBLEM_UNAUTHENTICATED
#define MISSING    NGX_LEADGEN_PROBLEM_PERMISSION_MISSING
#define CONDITION  NGX_LEADGEN_PROBLEM_CONDITION_FAILED
#define BOTH       "GET /x lead:read lead:export"
#define ROLE       BOTH " role=admin|manager"
#define OWN        "GET /:a/:b/:c authenticated own=:"
#define IP         "ip=10.0.0.1|10.0.0.2"
        { "GET /x authenticated", 0, "", { 0 }, "", NOBODY },
        { "GET /x authenticated", 0, "admin", { "lead:read" }, "", NOBODY },
        { "GET /x authenticated", 7, "", { 0 }, "", NONE },
        { "GET /x public", 0, "", { 0 }, "", NONE },
        { BOTH, 7, "", { 0 }, "", MISSING },
        { BOTH, 7, "", { "lead:read" }, "", MISSING },
        { BOTH, 7, "", { "lead:read", "lead:export" }, "", NONE },
        { ROLE, 7, "", { "lead:read", "lead:export" }, "", MISSING },
        { ROLE, 7, "manage", { "lead:read", "lead:export" }, "", MISSING },
        { ROLE, 7, "managers", { "lead:read", "lead:export" }, "", MISSING },
        { ROLE, 7, "manager", { "lead:read", "lead:export" }, "", NONE },
        { ROLE, 7, "manager", { "lead:read" }, "", MISSING },
        { "GET /x role=admin", 7, "admin", { 0 }, "", NONE },

        { OWN "a", 7, "", { 0 }, "", NONE },
        { OWN "b", 7, "", { 0 }, "", CONDITION },
        { OWN "b", 8, "", { 0 }, "", NONE },
        { OWN "c", 7, "", { 0 }, "", CONDITION },
        { OWN "a", 77, "", { 0 }, "", CONDITION },
        { OWN "a", -7, "", { 0 }, "", CONDITION },
        { OWN "a", 0, "", { 0 }, "", NOBODY },
        { "GET /:a lead:read own=:a", 7, "", { 0 }, "", MISSING },

        { "GET /x public " IP, 0, "", { 0 }, "10.0.0.2", NONE },
        { "GET /x public " IP, 0, "", { 0 }, "10.0.0.3", CONDITION },
        { "GET /x authenticated " IP, 0, "", { 0 }, "10.0.0.1", NOBODY },
        { "GET /x authenticated " IP, 7, "", { 0 }, "10.0.0.1", NONE },
        { "GET /x authenticated " IP, 7, "", { 0 }, "10.0.0.3", CONDITION },
        { OWN "a " IP, 8, "", { 0 }, "10.0.0.1", CONDITION },
        { OWN "a " IP, 7, "", { 0 }, "10.0.0.1", NONE }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ngx_memzero(&who, sizeof(who));
        who.user_id = rows[i].user_id;
        who.role.data = (u_char *) rows[i].role;
        who.role.len = strlen(rows[i].role);

        if (rows[i].has[0]) {
            who.permissions |= bit(rows[i].has[0]);
        }

        if (rows[i].has[1]) {
            who.permissions |= bit(rows[i].has[1]);
        }

        is_int(decide(rows[i].line, &who, rows[i].address), rows[i].want,
               "\"%s\" for user %d, \"%s\"", rows[i].line,
               (int) rows[i].user_id, rows[i].role);
    }

    is_int(decide("GET /x authenticated", NULL, ""), NOBODY, "no principal");
    is_int(decide("GET /x public", NULL, ""), NONE, "none, in public");
    is_int(decide("GET /x public " IP, NULL, "10.0.0.3"), CONDITION,
           "none, in public, from elsewhere");
}


static void
test_missing(void)
{
    const ngx_leadgen_rule_t  *rule;
    ngx_leadgen_principal_t    who;

    rule = rule_of(BOTH);
    ngx_memzero(&who, sizeof(who));

    who.permissions = bit("lead:read");
    ok(ngx_leadgen_permission_bit(ngx_leadgen_decide_missing(rule, &who))
       == bit("lead:export"), "of two the other is missing");

    who.permissions |= bit("lead:export");
    is_int(ngx_leadgen_decide_missing(rule, &who), NGX_ERROR, "of two none");
}


static void
test_smallest(void)
{
    ngx_uint_t          i;
    ngx_array_t        *roles;
    ngx_leadgen_role_t  role;

    static const struct {
        const char  *line;
        const char  *want;
    } rows[] = {
        { "GET /x lead:read", "tester" },
        { "GET /x lead:read campaign:read", "user" },
        { "GET /x lead:export", "manager" },
        { "GET /x user:read", "boss" },
        { "GET /x system:jobs", "admin" },
        { "GET /x lead:read role=admin|manager", "manager" },
        { "GET /x role=tester", "tester" },
        { "GET /x user:read role=manager", "" },
        { "GET /x authenticated", "" },
        { "GET /x public", "" }
    };

    roles = ngx_leadgen_roles_create(pool);

    grants[0].permissions = bit("user:read") | bit("user:update");
    grants[1].permissions = bit("lead:read");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        role = ngx_leadgen_decide_smallest(roles, rule_of(rows[i].line));
        is_str(role.name, rows[i].want, "the smallest for \"%s\"",
               rows[i].line);
    }
}


static void
test_words(void)
{
    ngx_uint_t                 i;
    const ngx_leadgen_rule_t  *rule;

    static const char  *wrong[] = {
        "GET /:id own=:id",
        "GET /:id public own=:id",
        "GET /:id public role=admin",
        "GET /:id authenticated own=id",
        "GET /:id authenticated own=:",
        "GET /:id authenticated own=",
        "GET /:id authenticated own=:i",
        "GET /:id authenticated own=:idd",
        "GET /:id/:b authenticated own=:id own=:b",
        "GET /x authenticated ip=",
        "GET /x authenticated ip=10.0.0.1|",
        "GET /x authenticated ip=|10.0.0.1",
        "GET /x authenticated ip=ten",
        "GET /x authenticated ip=10.0.0.1,10.0.0.2",
        "GET /x authenticated ip=10.0.0.1 ip=10.0.0.2",
        "GET /x role=a role=b",
        "GET /x ip=10.0.0.1"
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unit_log_clear();
        ok(rule_of(wrong[i]) == NULL && unit_log_count == 1,
           "\"%s\" is refused with a sentence", wrong[i]);
    }

    rule = rule_of("GET /:a/:b lead:read own=:b ip=10.0.0.1 role=admin");

    is_str(rule->requires, "lead:read", "the permission's name");
    is_str(rule_of(BOTH)->requires, "lead:read lead:export", "two names");
    is_str(rule_of("GET /x public")->requires, "", "no name");

    is_int(rule->own, 2, "own= is the second segment");
    is_str(rule->conditions[NGX_LEADGEN_CONDITION_OWN], "own=:b", "own=");
    is_str(rule->conditions[NGX_LEADGEN_CONDITION_IP], "ip=10.0.0.1", "ip=");
    is_str(rule->conditions[NGX_LEADGEN_CONDITION_ROLE], "role=admin",
           "role=");
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;

    test_decide();
    test_missing();
    test_smallest();
    test_words();

    ngx_destroy_pool(pool);

    return unit_done();
}
