
/*
 * Conditions: words of a policy line such as own=:id go in while the
 * configuration is read, whether they hold comes out at each request.
 */


#include "ngx_leadgen_policy.h"


#define NGX_LEADGEN_CONDITION_NETWORKS  64


static ngx_int_t ngx_leadgen_condition_roles(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t list);
static ngx_int_t ngx_leadgen_condition_own(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, const ngx_str_t *name);
static ngx_int_t ngx_leadgen_condition_networks(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t list);
static ngx_uint_t ngx_leadgen_condition_owns(const ngx_str_t *segment,
    const ngx_leadgen_principal_t *principal);


static const ngx_str_t  ngx_leadgen_condition_names[] = {
    ngx_string("role="),
    ngx_string("own="),
    ngx_string("ip=")
};


ngx_int_t
ngx_leadgen_condition_parse(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *word)
{
    ngx_str_t         value;
    ngx_uint_t        i;
    const ngx_str_t  *name;

    name = ngx_leadgen_condition_names;

    for (i = 0; i < NGX_LEADGEN_NCONDITIONS; i++, name++) {

        if (ngx_strncmp(word->data, name->data, name->len) == 0) {
            break;
        }
    }

    if (i == NGX_LEADGEN_NCONDITIONS) {
        return NGX_DECLINED;
    }

    if (rule->conditions[i].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" stands twice in a policy line: write its "
                           "values as one list, with \"|\" between", name);
        return NGX_ERROR;
    }

    rule->conditions[i] = *word;

    value.data = word->data + name->len;
    value.len = word->len - name->len;

    switch (i) {

    case NGX_LEADGEN_CONDITION_ROLE:
        return ngx_leadgen_condition_roles(cf, rule, value);

    case NGX_LEADGEN_CONDITION_OWN:
        return ngx_leadgen_condition_own(cf, rule, &value);

    default:
        return ngx_leadgen_condition_networks(cf, rule, value);
    }
}


/* Names are resolved when all of the configuration is read. */

static ngx_int_t
ngx_leadgen_condition_roles(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t list)
{
    ngx_str_t  *role;

    rule->roles = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (rule->roles == NULL) {
        return NGX_ERROR;
    }

    do {
        role = ngx_array_push(rule->roles);
        if (role == NULL) {
            return NGX_ERROR;
        }

        *role = ngx_leadgen_rule_word(&list, '|');

    } while (list.data);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_condition_own(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *name)
{
    ngx_str_t   *param;
    ngx_uint_t   i;

    if (name->len < 2 || name->data[0] != ':') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"own=%V\" is not own=:NAME, which names a segment "
                           "of the path", name);
        return NGX_ERROR;
    }

    param = rule->params.elts;

    for (i = 0; i < rule->params.nelts; i++) {

        if (param[i].len == name->len - 1
            && ngx_memcmp(param[i].data, name->data + 1, param[i].len) == 0)
        {
            rule->own = i + 1;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"own=%V\": there is no \"%V\" in path \"%V\"", name,
                       name, &rule->path);

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_condition_networks(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t list)
{
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_cidr_t  *network;

    rule->networks = ngx_array_create(cf->pool, 2, sizeof(ngx_cidr_t));
    if (rule->networks == NULL) {
        return NGX_ERROR;
    }

    do {
        text = ngx_leadgen_rule_word(&list, '|');

        if (rule->networks->nelts == NGX_LEADGEN_CONDITION_NETWORKS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "ip= has more than %d networks",
                               NGX_LEADGEN_CONDITION_NETWORKS);
            return NGX_ERROR;
        }

        network = ngx_array_push(rule->networks);
        if (network == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(network, sizeof(ngx_cidr_t));

        rc = text.len ? ngx_ptocidr(&text, network) : NGX_ERROR;

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" of ip= is not an address or network "
                               "such as 192.0.2.1, 10.0.0.0/8 or "
                               "2001:db8::/32, several with \"|\" between",
                               &text);
            return NGX_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" of ip= has bits set that its prefix "
                               "leaves out", &text);
            return NGX_ERROR;
        }

    } while (list.data);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_condition_failed(const ngx_leadgen_match_t *match,
    const ngx_leadgen_principal_t *principal, struct sockaddr *client)
{
    const ngx_leadgen_rule_t  *rule;

    rule = match->rule;

    if (rule->roles
        && !ngx_leadgen_condition_has_role(rule->roles, &principal->role))
    {
        return NGX_LEADGEN_CONDITION_ROLE;
    }

    if (rule->own
        && !ngx_leadgen_condition_owns(&match->params[rule->own - 1],
                                       principal))
    {
        return NGX_LEADGEN_CONDITION_OWN;
    }

    if (rule->networks && ngx_cidr_match(client, rule->networks) != NGX_OK) {
        return NGX_LEADGEN_CONDITION_IP;
    }

    return NGX_ERROR;
}


ngx_uint_t
ngx_leadgen_condition_has_role(const ngx_array_t *roles, const ngx_str_t *name)
{
    ngx_str_t   *role;
    ngx_uint_t   i;

    role = roles->elts;

    for (i = 0; i < roles->nelts; i++) {

        if (role[i].len == name->len
            && ngx_memcmp(role[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* There is one text for an id: "7", not "07" or "+7". */

static ngx_uint_t
ngx_leadgen_condition_owns(const ngx_str_t *segment,
    const ngx_leadgen_principal_t *principal)
{
    size_t  len;
    u_char  id[NGX_INT64_LEN];

    len = ngx_sprintf(id, "%L", principal->user_id) - id;

    return principal->user_id > 0
           && segment->len == len
           && ngx_memcmp(segment->data, id, len) == 0;
}
