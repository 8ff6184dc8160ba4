// Answers with an embedded Tomcat; Groovy needs no compiler in the image.
import groovy.json.JsonOutput
import javax.servlet.http.HttpServlet
import javax.servlet.http.HttpServletRequest
import javax.servlet.http.HttpServletResponse
import org.apache.catalina.core.StandardContext
import org.apache.catalina.startup.Tomcat
import org.apache.catalina.util.ServerInfo

class Answer extends HttpServlet {
    def content

    void doGet(HttpServletRequest request, HttpServletResponse response) {
        response.contentType = 'application/json'
        response.writer.print(JsonOutput.toJson(content))
    }
}

def tomcat = new Tomcat(baseDir: '/tmp', port: (System.getenv('PORT') ?: '8080').toInteger())
def context = tomcat.addContext('', null)
def add = { path, content ->
    Tomcat.addServlet(context, path, new Answer(content: content))
    context.addServletMappingDecoded(path, path)
}
add('', [framework: 'tomcat', version: ServerInfo.serverNumber, language: 'java'])
add('/healthz', 'ok')
tomcat.connector
tomcat.start()
tomcat.server.await()
