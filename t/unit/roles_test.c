
/*
 * Roles: names of permissions, as bits.
 *
 * sources: src/policy/ngx_leadgen_roles.c src/policy/ngx_leadgen_permission.c
 */


#include "unit.h"
#include "ngx_leadgen_policy.h"


static ngx_pool_t   *pool;
static ngx_array_t  *roles;
static ngx_conf_t    conf;

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


/* Roles of the database stand behind those of the configuration. */

static void
test_database(void)
{
    ngx_int_t                  rc;
    ngx_str_t                  name;
    ngx_uint_t                 i, n;
    ngx_leadgen_role_t         role;
    ngx_leadgen_permissions_t  may;

    grants[0].permissions = bit("lead:export");
    grants[1].permissions = bit("lead:delete");

    ngx_str_set(&name, "boss");
    is_int(ngx_leadgen_roles_grant(roles, &name, &may), NGX_OK, "boss");
    ok(may == permissions("boss") && may != bit("lead:export"),
       "is what the configuration says");

    ngx_str_set(&name, "tester");
    is_int(ngx_leadgen_roles_grant(roles, &name, &may), NGX_OK, "tester");
    ok(may == bit("lead:delete"), "is what the database says");

    ngx_str_set(&name, "nobody");
    may = 1;
    is_int(ngx_leadgen_roles_grant(roles, &name, &may), NGX_DECLINED,
           "nobody is no role");
    ok(may == 0, "and may nothing");

    n = 0;

    for (i = 0;
         (rc = ngx_leadgen_roles_get(roles, i, &role)) != NGX_DONE;
         i++)
    {
        n += (rc == NGX_OK);
    }

    is_int(n, roles->nelts + 1, "all of them, the two of one name once");
    is_str(role.name, "tester", "the last one");
}


int
main(void)
{
    pool = ngx_create_pool(4096, ngx_cycle->log);
    conf.pool = pool;
    roles = ngx_leadgen_roles_create(pool);

    test_builtin();
    test_add();
    test_database();

    ngx_destroy_pool(pool);

    return unit_done();
}
