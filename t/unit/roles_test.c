
/*
 * Roles and the decision: who may do what.
 *
 * sources: src/policy/ngx_leadgen_roles.c src/policy/ngx_leadgen_permission.c
 * sources: src/policy/ngx_leadgen_decide.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"


static ngx_pool_t   *pool;
static ngx_array_t  *roles;
static ngx_conf_t    conf;


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


static char *
add(const char *a, const char *b, const char *c)
{
    ngx_str_t    words[3];
    ngx_uint_t   i;
    const char  *text[] = { a, b, c };

    for (i = 0; i < 3 && text[i]; i++) {
        words[i].data = (u_char *) text[i];
        words[i].len = strlen(text[i]);
    }

    return ngx_leadgen_roles_add(&conf, roles, words, i);
}


static ngx_leadgen_permissions_t
permissions(const char *name)
{
    ngx_str_t                  text;
    const ngx_leadgen_role_t  *role;

    text.data = (u_char *) name;
    text.len = strlen(name);

    role = ngx_leadgen_roles_find(roles, &text);

    return role ? role->permissions : 0;
}


static ngx_leadgen_permissions_t
bit(const char *name)
{
    ngx_str_t  text;
    ngx_int_t  n;

    text.data = (u_char *) name;
    text.len = strlen(name);

    n = ngx_leadgen_permission_find(&text);

    return n == NGX_ERROR ? 0 : ngx_leadgen_permission_bit(n);
}


/* The table of the requirements, line by line. */

static void
test_builtin(void)
{
    size_t  i;

    static const struct {
        const char  *name;
        int          manager;
        int          user;
    } rows[] = {
        { "campaign:create", 1, 0 },  { "campaign:read", 1, 1 },
        { "campaign:update", 1, 0 },  { "campaign:delete", 0, 0 },
        { "campaign:publish", 0, 0 },
        { "lead:create", 1, 0 },      { "lead:read", 1, 1 },
        { "lead:update", 1, 0 },      { "lead:delete", 1, 0 },
        { "lead:export", 1, 0 },
        { "analytics:read", 1, 1 },   { "analytics:export", 0, 0 },
        { "team:read", 1, 0 },        { "team:create", 1, 0 },
        { "team:update", 1, 0 },      { "team:delete", 1, 0 },
        { "team:manage_members", 1, 0 },
        { "user:read", 0, 0 },        { "user:create", 0, 0 },
        { "user:update", 0, 0 },      { "user:delete", 0, 0 },
        { "user:manage_roles", 0, 0 },
        { "system:settings", 0, 0 },  { "system:audit", 0, 0 },
        { "system:health", 0, 0 },    { "system:jobs", 0, 0 }
    };

    is_int(sizeof(rows) / sizeof(rows[0]), NGX_LEADGEN_NPERMISSIONS,
           "26 permissions");

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ngx_leadgen_permissions_t  b = bit(rows[i].name);

        ok(b != 0, "%s is one", rows[i].name);
        ok(permissions("admin") & b, "of an admin");
        is_int((permissions("manager") & b) != 0, rows[i].manager,
               "of a manager or not");
        is_int((permissions("user") & b) != 0, rows[i].user,
               "of a user or not");
    }

    is_int(permissions("nobody"), 0, "an unknown role has none");
    is_int(permissions("Admin"), 0, "names are taken to the letter");
    is_int(permissions("adm"), 0, "and whole");
    is_int(permissions(""), 0, "no role has none");
    is_int(bit("campaign:"), 0, "a category is no permission");
    is_int(bit("campaign:reads"), 0, "nor is what begins with one");
}


static void
test_add(void)
{
    size_t  i;

    static const char  *wrong[] = {
        "lead", "lead:", "lead:steal", "*:read", "le*", "lead:*x", "**",
        "lead:r*", "", ":", "extends=", "extends=nobody", "LEAD:READ"
    };
    static const char  *names[] = {
        "", "Boss", "1st", "_x", "-x", "a.b", "a b", "a|b", "b\xc3\xa4"
    };

    ok(add("analyst", "extends=user", "analytics:export") == NGX_CONF_OK,
       "a role that extends another");
    ok(permissions("analyst") == (permissions("user")
                                  | bit("analytics:export")),
       "has what both have");

    ok(add("boss", "extends=analyst", "team:*") == NGX_CONF_OK,
       "one that extends that");
    ok((permissions("boss") & permissions("analyst"))
       == permissions("analyst") && permissions("boss") & bit("team:delete")
       && !(permissions("boss") & bit("user:read")), "has all of it");

    ok(add("all", "*", NULL) == NGX_CONF_OK, "a role of everything");
    ok(permissions("all") == permissions("admin"), "is an admin's equal");

    ok(add("user", "lead:read", NULL) == NGX_CONF_OK, "a role anew");
    ok(permissions("user") == bit("lead:read"), "has only what is said last");
    ok(permissions("analyst") & bit("campaign:read"),
       "which does not reach back");

    ok(add("none", NULL, NULL) == NGX_CONF_OK && permissions("none") == 0,
       "a role without permissions");

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unit_log_clear();
        ok(add("x", "lead:read", wrong[i]) == NGX_CONF_ERROR,
           "\"%s\" is nothing to be given", wrong[i]);
        is_int(unit_log_count, 1, "and logged");
    }

    is_int(permissions("x"), 0, "a role with a fault is not there");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ok(add(names[i], "lead:read", NULL) == NGX_CONF_ERROR,
           "\"%s\" is no role's name", names[i]);
    }
}


static void
test_decide(void)
{
    ngx_str_t                *role;
    ngx_leadgen_rule_t        rule;
    ngx_leadgen_principal_t   who;

    ngx_memzero(&rule, sizeof(rule));
    ngx_memzero(&who, sizeof(who));

    is_int(ngx_leadgen_decide(&rule, NULL),
           NGX_LEADGEN_PROBLEM_UNAUTHENTICATED, "nobody");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_UNAUTHENTICATED, "nobody in particular");

    who.permissions = ~(ngx_leadgen_permissions_t) 0;
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_UNAUTHENTICATED, "nobody with permissions");

    who.user_id = 7;
    who.permissions = 0;
    is_int(ngx_leadgen_decide(&rule, &who), NGX_LEADGEN_PROBLEM_NONE,
           "anybody, where that is enough");

    rule.permissions = bit("lead:read") | bit("lead:export");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "somebody with nothing");

    who.permissions = bit("lead:read");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "with one of two");
    ok(ngx_leadgen_permission_bit(ngx_leadgen_decide_missing(&rule, &who))
       == bit("lead:export"), "which lacks the other");

    who.permissions |= bit("lead:export");
    is_int(ngx_leadgen_decide(&rule, &who), NGX_LEADGEN_PROBLEM_NONE,
           "with both");
    is_int(ngx_leadgen_decide_missing(&rule, &who), NGX_ERROR,
           "which lacks none");

    rule.roles = ngx_array_create(pool, 2, sizeof(ngx_str_t));
    role = ngx_array_push_n(rule.roles, 2);
    ngx_str_set(&role[0], "admin");
    ngx_str_set(&role[1], "manager");

    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "with both, and no role");

    ngx_str_set(&who.role, "manage");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "with a shorter role");

    ngx_str_set(&who.role, "managers");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "with a longer one");

    ngx_str_set(&who.role, "manager");
    is_int(ngx_leadgen_decide(&rule, &who), NGX_LEADGEN_PROBLEM_NONE,
           "with the role and both");

    who.permissions = bit("lead:read");
    is_int(ngx_leadgen_decide(&rule, &who),
           NGX_LEADGEN_PROBLEM_PERMISSION_MISSING, "with the role and one");

    rule.is_public = 1;
    is_int(ngx_leadgen_decide(&rule, NULL), NGX_LEADGEN_PROBLEM_NONE,
           "nobody, where it is public");
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;
    roles = ngx_leadgen_roles_create(pool);

    test_builtin();
    test_add();
    test_decide();

    ngx_destroy_pool(pool);

    return unit_done();
}
